import { base } from './harness.js'

/** A request that must be refused: method, path, body, status, and words of the message. */
export type Refusal = readonly [string, string, unknown, number, string]

export const image = (fields: object) => ({ Image: base, Cmd: ['true'], ...fields })
export const host = (HostConfig: object) => image({ HostConfig })
export const filters = (wanted: object): string => `filters=${encodeURIComponent(JSON.stringify(wanted))}`

/**
 * What dockerd refuses, in its words, where containers `up`, `down` and `paused`, network `net`, volume `vol` and image
 * `tagged:1` are. Where dockerd 20.10 still answers 500 to what a client did wrong, the status is that of later versions.
 */
export const refusals: readonly Refusal[] = [
  ['GET', '/images/nosuch/json', undefined, 404, 'No such image: nosuch'],
  ['GET', '/images/nosuch/history', undefined, 404, 'No such image: nosuch'],
  ['POST', '/images/nosuch/tag?repo=a&tag=b', undefined, 404, 'No such image: nosuch'],
  ['DELETE', '/images/nosuch', undefined, 404, 'No such image: nosuch'],
  ['GET', '/images/nosuch/get', undefined, 404, 'No such image: nosuch'],
  ['DELETE', '/images/tagged', undefined, 404, 'No such image: tagged'],
  ['DELETE', '/images/BAD', undefined, 400, 'must be lowercase'],
  ['GET', '/images/BAD/json', undefined, 400, 'must be lowercase'],
  ['GET', '/images/BAD/history', undefined, 400, 'must be lowercase'],
  ['GET', '/images/a%20b/json', undefined, 400, 'invalid reference format'],
  ['POST', '/images/up/tag?repo=UPPER', undefined, 404, 'No such image: up'],
  ['POST', `/images/${base}/tag?repo=UPPER`, undefined, 400, 'must be lowercase'],
  ['POST', `/images/${base}/tag?repo=a&tag=b:c`, undefined, 400, 'invalid'],
  ['POST', `/images/${base}/tag`, undefined, 400, 'invalid reference format'],
  ['GET', `/images/json?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['GET', `/images/json?${filters({ dangling: ['x'] })}`, undefined, 400, 'dangling'],
  ['GET', `/images/json?${filters({ before: ['nosuch'] })}`, undefined, 404, 'No such image: nosuch'],
  ['GET', `/images/json?${filters({ reference: ['['] })}`, undefined, 400, ''],
  ['POST', `/images/prune?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['POST', '/images/create?fromImage=BAD', undefined, 400, 'must be lowercase'],
  ['POST', '/images/create', undefined, 400, ''],
  ['POST', '/images/create?fromSrc=nosuch://x', undefined, 400, ''],
  ['POST', '/images/create?fromImage=a&platform=bad/x/y/z', undefined, 400, 'platform specifier'],
  ['GET', '/images/search?term=x&limit=500', undefined, 400, 'Limit 500 is outside the range of [1, 100]'],
  // networks
  ['GET', '/networks/nosuch', undefined, 404, 'network nosuch not found'],
  ['DELETE', '/networks/nosuch', undefined, 404, 'network nosuch not found'],
  ['POST', '/networks/nosuch/connect', { Container: 'up' }, 404, 'network nosuch not found'],
  ['POST', '/networks/net/connect', { Container: 'nosuch' }, 404, 'No such container: nosuch'],
  ['POST', '/networks/nosuch/disconnect', { Container: 'up' }, 404, 'network nosuch not found'],
  ['POST', '/networks/net/disconnect', { Container: 'up' }, 404, 'is not connected to network net'],
  ['DELETE', '/networks/bridge', undefined, 403, 'bridge is a pre-defined network and cannot be removed'],
  ['POST', '/networks/create', { Name: 'net', CheckDuplicate: true }, 409, 'network with name net already exists'],
  ['POST', '/networks/create', { Name: '' }, 400, 'invalid'],
  ['POST', '/networks/create', { Name: 'bridge' }, 403, 'operation is not permitted on predefined'],
  ['POST', '/networks/create', '{', 400, ''],
  ['POST', '/networks/net/connect', '{', 400, ''],
  ['GET', `/networks?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['GET', `/networks?${filters({ type: ['x'] })}`, undefined, 400, "invalid filter: 'type'='x'"],
  ['GET', `/networks?${filters({ dangling: ['x'] })}`, undefined, 400, 'dangling'],
  ['POST', `/networks/prune?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['POST', '/networks/create', { Name: 'n3', IPAM: { Config: [{ Subnet: 'bad' }] } }, 400, 'Invalid subnet bad'],
  [
    'POST',
    '/networks/create',
    { Name: 'n4', IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.8.0.1' }] } },
    400,
    '10.8.0.1',
  ],
  [
    'POST',
    '/networks/create',
    { Name: 'n6', Options: { 'com.docker.network.bridge.enable_icc': 'x' } },
    400,
    'failed to parse com.docker.network.bridge.enable_icc value: x (strconv.ParseBool: parsing "x": invalid syntax)',
  ],
  ['POST', '/networks/create', { Name: 'n7', Driver: 'host' }, 403, 'only one instance of "host" network is allowed'],
  ['POST', '/networks/create', { Name: 'n8', Driver: 5 }, 400, 'Driver'],
  [
    'POST',
    '/networks/create',
    { Name: 'n9', Driver: 'bridge', Scope: 'swarm' },
    403,
    'cannot create a swarm scoped network when swarm is not active',
  ],
  ['POST', '/networks/net/connect', {}, 400, 'invalid name or ID supplied: ""'],
  [
    'POST',
    '/networks/host/connect',
    { Container: 'up' },
    400,
    'container cannot be disconnected from host network or connected to host network',
  ],
  [
    'POST',
    '/networks/net/connect',
    { Container: 'up', EndpointConfig: { IPAMConfig: { IPv4Address: '10.99.99.99' } } },
    400,
    'user specified IP address is supported only when connecting to networks with user configured subnets',
  ],
  [
    'POST',
    '/networks/net/connect',
    { Container: 'up', EndpointConfig: { IPAMConfig: { IPv4Address: 'bad' } } },
    400,
    '',
  ],
  // volumes
  ['GET', '/volumes/nosuch', undefined, 404, 'get nosuch: no such volume'],
  ['DELETE', '/volumes/nosuch', undefined, 404, 'get nosuch: no such volume'],
  [
    'POST',
    '/volumes/create',
    { Name: 'a/b' },
    400,
    'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
  ],
  ['POST', '/volumes/create', '{', 400, ''],
  ['GET', `/volumes?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['GET', `/volumes?${filters({ dangling: ['x'] })}`, undefined, 400, 'dangling'],
  ['POST', `/volumes/prune?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['POST', '/volumes/create', { Name: 'v1', DriverOpts: { bogus: 'x' } }, 400, 'create v1: invalid option: "bogus"'],
  [
    'POST',
    '/volumes/create',
    { Name: 'v2', DriverOpts: { type: 'nfs' } },
    400,
    'create v2: missing required option: "device"',
  ],
  ['POST', '/volumes/create', { Name: 5 }, 400, 'Name'],
  [
    'POST',
    '/volumes/create',
    { Name: 'x' },
    400,
    'volume name is too short, names should be at least two alphanumeric characters',
  ],
  // commit
  ['POST', '/commit?container=nosuch', {}, 404, 'No such container: nosuch'],
  ['POST', '/commit?container=down&changes=RUN%20x', {}, 400, 'run is not a valid change command'],
  // auth
  ['POST', '/auth', '{', 400, ''],
  // build
  ['POST', `/build/prune?${filters({ bogus: ['x'] })}`, undefined, 400, "Invalid filter 'bogus'"],
  ['POST', '/build?dockerfile=../../etc', 'x', 400, ''],
  ['POST', '/build?networkmode=nosuch', 'x', 404, ''],
  ['POST', '/build?buildargs=bad', 'x', 400, 'build args'],
  ['POST', '/build?t=BAD', 'x', 400, 'must be lowercase'],
  ['POST', '/build?memory=x', 'x', 400, ''],
  ['POST', '/build?shmsize=x', 'x', 400, ''],
  ['POST', '/build?remote=bogus', undefined, 400, 'remoteURL (bogus) could not be recognized as URL'],
  // events
  ['GET', '/events?since=bad', undefined, 400, ''],
  ['GET', '/events?until=bad', undefined, 400, ''],
  // distribution
  ['GET', '/distribution/BAD/json', undefined, 400, 'must be lowercase'],
  ['GET', '/nosuch', undefined, 404, 'page not found'],
  ['GET', '/v9.99/info', undefined, 400, 'client version 9.99 is too new. Maximum supported API version is'],
  ['GET', '/v1.1/info', undefined, 400, ''],
]
