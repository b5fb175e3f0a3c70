import { decode } from '../system/shape.js'
import type { BuildRequest, StepSettings } from '../build/job.js'
import { limitsOf } from '../containers/limits.js'
import { resourcesOf } from '../containers/run-spec.js'
import { EngineError } from '../errors.js'
import { isOwnPlatform, readPlatform, showPlatform } from '../oci/manifest.js'
import { familiar, parseReference } from '../oci/reference.js'
import type { ResourceLimits, Rlimit, StepNetwork } from '../records.js'
import { readOwner } from '../system/owner.js'
import { count, flag } from './query.js'

/** What the query of `POST /build` says; the rest of a request is its body and its headers. */
export type BuildOptions = Pick<
  BuildRequest,
  'file' | 'names' | 'owner' | 'buildArgs' | 'labels' | 'target' | 'noCache' | 'pull' | 'cacheFrom' | 'room'
>

const invalid = (message: string): EngineError => new EngineError('invalid', message)

/**
 * Reads the query of `POST /build`.
 * @param findNetwork makes something of a network mode that names a network or a container
 * @throws EngineError `invalid` naming the field, `unsupported`
 */
export async function readOptions(
  query: URLSearchParams,
  findNetwork: (mode: string) => Promise<StepNetwork>,
): Promise<BuildOptions> {
  refuse(query)
  const shmSize = count(query, 'shmsize')
  if (shmSize < 0) throw invalid('SHM size can not be less than 0')
  const room: StepSettings = {
    network: await findNetwork(query.get('networkmode') ?? ''),
    extraHosts: query.getAll('extrahosts').flatMap((hosts) => hosts.split(',').filter(Boolean).map(checkHost)),
    limits: readLimits(query),
    rlimits: readUlimits(query),
    ...(shmSize > 0 ? { shmSize } : {}),
  }
  const labels = Object.fromEntries(
    Object.entries(readMap(query, 'labels', 'labels')).map(([key, value]) => [key, value ?? '']),
  )
  return {
    file: query.get('dockerfile') || 'Dockerfile',
    owner: readOwner(labels),
    names: query
      .getAll('t')
      .filter(Boolean)
      .map((name) => familiar(parseReference(name))),
    buildArgs: new Map(Object.entries(readMap(query, 'buildargs', 'build args'))),
    labels,
    target: query.get('target') ?? '',
    noCache: flag(query, 'nocache'),
    pull: flag(query, 'pull'),
    cacheFrom: readList(query, 'cachefrom').map((name) => {
      if (typeof name !== 'string') throw invalid('error reading cache-from images: not a JSON array of strings')
      return name
    }),
    room,
  }
}

/** What this engine does not do; asking for it is an error, not a surprise. */
function refuse(query: URLSearchParams): void {
  if (query.get('version') === '2')
    throw new EngineError('unsupported', 'BuildKit is not supported: set DOCKER_BUILDKIT=0')
  if (flag(query, 'squash')) throw invalid('squash is only supported with experimental mode')
  for (const name of ['cgroupparent', 'securityopt'])
    if (query.getAll(name).some(Boolean))
      throw new EngineError('unsupported', `${name} is not supported for a build by this engine`)
  if (!['', 'default'].includes(query.get('isolation') ?? ''))
    throw invalid(`unsupported isolation: ${query.get('isolation') ?? ''}`)
  const platform = query.get('platform') ?? ''
  if (!isOwnPlatform(readPlatform(platform)))
    throw invalid(`cannot build for ${platform}: this engine runs ${showPlatform(readPlatform(''))}`)
}

const readLimits = (query: URLSearchParams): ResourceLimits =>
  limitsOf(
    resourcesOf({
      Memory: count(query, 'memory'),
      MemorySwap: count(query, 'memswap'),
      CpuShares: count(query, 'cpushares'),
      CpuPeriod: count(query, 'cpuperiod'),
      CpuQuota: count(query, 'cpuquota'),
      CpusetCpus: query.get('cpusetcpus') ?? '',
      CpusetMems: query.get('cpusetmems') ?? '',
    }),
  )

/** getrlimit(2), as the runtime names them. */
const limitNames =
  /^(as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack)$/

const limitShape = { Name: 'a string', Soft: 'an integer', Hard: 'an integer' } as const

function readUlimits(query: URLSearchParams): Rlimit[] {
  return readList(query, 'ulimits').map((one) => {
    const { Name, Soft, Hard } = decode(one ?? {}, limitShape) as { Name?: unknown; Soft?: unknown; Hard?: unknown }
    if (typeof Name !== 'string' || !limitNames.test(Name) || !Number.isInteger(Soft) || !Number.isInteger(Hard))
      throw invalid('error reading ulimit settings: each is {"Name": …, "Soft": n, "Hard": n}')
    return { name: Name, soft: Number(Soft), hard: Number(Hard) }
  })
}

function checkHost(entry: string): string {
  if (!/^[^:=\s]+[:=](host-gateway|[0-9a-f:.]+)$/i.test(entry)) throw invalid(`bad format for add-host: "${entry}"`)
  return entry
}

function readMap(query: URLSearchParams, name: string, words: string): Record<string, string | null> {
  const value = parse(query, name, words) ?? {}
  const entries = typeof value === 'object' && !Array.isArray(value) ? Object.values(value) : [0]
  if (entries.every((one) => one === null || typeof one === 'string')) return value as Record<string, string | null>
  throw invalid(`error reading ${words}: ${name} is not a JSON object of strings`)
}

function readList(query: URLSearchParams, name: string): readonly unknown[] {
  const value = parse(query, name, name) ?? []
  if (!Array.isArray(value)) throw invalid(`error reading ${name}: not a JSON array`)
  return value
}

function parse(query: URLSearchParams, name: string, words: string): unknown {
  const text = query.get(name)
  if (!text) return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(`error reading ${words}: ${name} is not JSON`)
  }
}
