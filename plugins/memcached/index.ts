import { definePlugin, type ServicePlan, type ServicePlugin } from 'berth/plugin'
import { client } from './client.js'

const directory = '/var/lib/berth-memcached'
const program = (name: string): string => `/usr/local/bin/berth-${name}`

/** Sets the password of an account, which is standard input, or takes it away. The host name is what accounts are told apart by. */
const account = `#!/bin/sh
set -eu
umask 077
cd ${directory}
rm -f draft
[ ! -e users ] || cp users draft
case "$1" in
set) saslpasswd2 -p -c -f ${directory}/draft -u "$(hostname)" -a memcached "$2" ;;
delete) saslpasswd2 -d -f ${directory}/draft -u "$(hostname)" -a memcached "$2" 2>/dev/null || true ;;
esac
sync draft
mv draft users
sync -f .
`

/** An administrator's password, which nobody but the service's own account ever has. */
const initialise = `#!/bin/sh
set -eu
umask 077
cd ${directory}
[ ! -e users ] || exit 0
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' >secret
${program('account')} set admin <secret
`

const start = `#!/bin/sh
set -eu
cd ${directory}
[ -s users ] && [ -s secret ] || {
  echo "berth: the volume has no accounts of memcached: it is not the one that this service had" >&2
  exit 78
}
exec memcached "$@"
`

/** The library that authenticates, told where the accounts are (libsasl2, options.html). */
const sasl = `pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: ${directory}/users
mech_list: plain
log_level: 0
`

/** memcached of Debian, by SASL: its volume has the accounts, and none of what apps put there. All that are linked share that. */
export const memcached: ServicePlugin = {
  title: 'memcached',
  versions: [
    {
      version: '1.6',
      debian: 'bookworm',
      packages: ['memcached', 'libsasl2-modules', 'sasl2-bin', 'libmemcached-tools'],
    },
  ],
  variable: 'MEMCACHED',
  user: 'memcache',
  directory,
  files: {
    [program('account')]: account,
    [program('initialise')]: initialise,
    [program('start')]: start,
    [program('client')]: client(directory),
    '/etc/sasl2/memcached.conf': sasl,
  },
  initialise: () => [program('initialise')],
  start: ({ memory, cpus }: ServicePlan) => [
    program('start'),
    '--enable-sasl',
    '--listen=0.0.0.0',
    '--port=11211',
    // beside the items: connections, and an index of them
    `--memory-limit=${Math.max(Math.floor((memory * 0.75) / 2 ** 20), 8)}`,
    `--threads=${Math.min(Math.max(Math.ceil(cpus), 1), 8)}`,
    '--conn-limit=1024',
  ],
  ready: () => ({ words: [program('client'), 'version'] }),
  stop: { signal: 'SIGTERM', seconds: 10 },
  grant: ({ role, password }) => ({ words: [program('account'), 'set', role], input: password }),
  revoke: (role) => ({ words: [program('account'), 'delete', role] }),
  url: (host, { role, password }) => `memcached://${role}:${password}@${host}:11211`,
  measure: () => ({ words: [program('client'), 'measure'] }),
  backup: null,
  connect: () => [program('client')],
}

export const plugin = definePlugin({ kind: 'service', name: 'memcached', version: '1.0.0', start: () => memcached })
