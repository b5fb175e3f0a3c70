import { definePlugin, type ServicePlan, type ServicePlugin } from 'berth/plugin'
import { backupOf, restored } from './backup.js'

const directory = '/var/lib/berth-redis'
const program = (name: string): string => `/usr/local/bin/berth-${name}`

/** An administrator's password that nobody but the service's own account ever has, and nobody else may log in. */
const initialise = `#!/bin/sh
set -eu
umask 077
cd ${directory}
[ ! -e users.acl ] || exit 0
secret=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')
printf '%s' "$secret" >secret
hash=$(printf '%s' "$secret" | sha256sum | cut -d' ' -f1)
mkdir -p data
printf 'user default off\\nuser admin on #%s ~* &* +@all\\n' "$hash" >users.draft
sync -f .
mv users.draft users.acl
sync -f .
`

const start = `#!/bin/sh
set -eu
version=$1
shift
refuse() { echo "berth: $1" >&2; exit 78; }
cd ${directory}
if [ -d ${restored} ]; then
  rm -rf data
  mv ${restored} data
  sync -f .
fi
[ -s users.acl ] && [ -d data ] || refuse "the volume has no data of Redis: it is not the one that this service had"
if [ -s version ]; then
  found=$(cat version)
  [ "$found" = "$version" ] || refuse "the data is of Redis $found, and this is Redis $version"
else
  printf '%s' "$version" >version
fi
exec redis-server --dir ${directory}/data --aclfile ${directory}/users.acl "$@"
`

/** Its own client, let in by the password that is in the volume: it is in no list of processes. */
const admin = `#!/bin/sh
REDISCLI_AUTH=$(cat ${directory}/secret) exec redis-cli --user admin --no-auth-warning -s /tmp/redis.sock "$@"
`

/** Runs commands of standard input; the first that is refused ends it. */
const apply = `#!/bin/sh
set -eu
answers=$(${program('admin')})
case "$answers" in *ERR*|*WRONG*|*NOPERM*) printf '%s\\n' "$answers"; exit 1;; esac
`

const measure = `#!/bin/sh
set -eu
${program('admin')} info memory | sed -n 's/^used_memory:\\([0-9]*\\).*/\\1/p'
${program('admin')} info clients | sed -n 's/^connected_clients:\\([0-9]*\\).*/\\1/p' | { read -r all; echo $((all - 1)); }
`

const settingsFor = ({ memory, version }: ServicePlan): Record<string, string> => ({
  bind: '*',
  port: '6379',
  'protected-mode': 'no',
  unixsocket: '/tmp/redis.sock',
  unixsocketperm: '700',
  // what is acknowledged is on the disk within a second
  appendonly: 'yes',
  appendfsync: 'everysec',
  // its own account alone, for a digest of the data
  ...(version === '6' ? {} : { 'enable-debug-command': 'local' }),
  // a rewrite in the background copies what is written meanwhile
  maxmemory: String(Math.floor(memory * 0.6)),
  'maxmemory-policy': 'noeviction',
})

/** Redis of Debian, with an append-only file. All that are linked share its one data. */
export const redis: ServicePlugin = {
  title: 'Redis',
  versions: [
    { version: '7', debian: 'bookworm', packages: ['redis-server', 'redis-tools'] },
    { version: '8', debian: 'trixie', packages: ['redis-server', 'redis-tools'] },
    { version: '6', debian: 'bullseye', packages: ['redis-server', 'redis-tools'] },
  ],
  variable: 'REDIS',
  user: 'redis',
  directory,
  files: {
    [program('initialise')]: initialise,
    [program('start')]: start,
    [program('admin')]: admin,
    [program('apply')]: apply,
    [program('measure')]: measure,
  },
  initialise: () => [program('initialise')],
  start: (plan) => [
    program('start'),
    plan.version,
    ...Object.entries(settingsFor(plan)).flatMap(([name, value]) => [`--${name}`, value]),
  ],
  ready: () => ({ words: ['sh', '-c', `[ "$(${program('admin')} ping)" = PONG ]`] }),
  // SIGTERM saves, and then ends (redis.io, Signals Handling)
  stop: { signal: 'SIGTERM', seconds: 30 },
  grant: ({ role, password }) => ({
    words: [program('apply')],
    // all of the data, and nothing that is the administrator's
    input: `ACL SETUSER ${role} reset on >${password} ~* &* +@all -@admin -@dangerous +info +keys +flushdb +flushall +sort\nACL SAVE\n`,
  }),
  revoke: (role) => ({
    words: [program('apply')],
    input: `ACL DELUSER ${role}\nACL SAVE\n`,
  }),
  url: (host, { role, password }) => `redis://${role}:${password}@${host}:6379/0`,
  measure: () => ({ words: [program('measure')] }),
  backup: backupOf(program('admin'), directory),
  connect: () => [program('admin')],
}

export const plugin = definePlugin({ kind: 'service', name: 'redis', version: '1.0.0', start: () => redis })
