import { definePlugin, type ServicePlan, type ServicePlugin } from 'berth/plugin'
import { backup } from './backup.js'
import { grantSql, measureSql, revokeSql } from './sql.js'

const directory = '/var/lib/berth-mariadb'
const data = `${directory}/data`
const program = (name: string): string => `/usr/local/bin/berth-${name}`
const socket = '/tmp/mariadb.sock'

/** All of it as one, or not at all: a directory that is there is whole. */
const initialise = `#!/bin/sh
set -eu
[ ! -e ${data} ] || exit 0
draft=${data}.draft
rm -rf "$draft"
quietly() { "$@" >/tmp/said 2>&1 || { cat /tmp/said >&2; exit 1; }; }
quietly mariadb-install-db --no-defaults --datadir="$draft" --auth-root-authentication-method=socket \\
  --auth-root-socket-user=mysql --skip-test-db --skip-name-resolve
quietly mariadbd --no-defaults --datadir="$draft" --bootstrap <<'END'
create database main character set utf8mb4 collate utf8mb4_unicode_ci;
END
printf '%s' "$1" >"$draft/berth-version"
sync -f "$draft"
mv "$draft" ${data}
sync -f ${directory}
`

const start = `#!/bin/sh
set -eu
version=$1
shift
refuse() { echo "berth: $1" >&2; exit 78; }
[ -s ${data}/berth-version ] && [ -d ${data}/mysql ] ||
  refuse "the volume has no data of MariaDB: it is not the one that this service had"
found=$(cat ${data}/berth-version)
[ "$found" = "$version" ] || refuse "the data is of MariaDB $found, which MariaDB $version does not read"
exec mariadbd --no-defaults --datadir=${data} "$@"
`

const client = ['mariadb', '--no-defaults', `--socket=${socket}`, '--user=mysql', '--default-character-set=utf8mb4']
const asks = [...client, '--batch', '--skip-column-names']

const mebibytes = (bytes: number): string => `${Math.max(Math.floor(bytes / 2 ** 20), 8)}M`

/** What the server makes of the memory that it has (MariaDB documentation, InnoDB System Variables). */
const settingsFor = ({ memory }: ServicePlan): Record<string, string> => ({
  socket,
  'pid-file': '/tmp/mariadb.pid',
  'bind-address': '*',
  port: '3306',
  'skip-name-resolve': 'ON',
  'character-set-server': 'utf8mb4',
  'collation-server': 'utf8mb4_unicode_ci',
  'max-connections': '100',
  'innodb-buffer-pool-size': mebibytes(memory / 2),
  'aria-pagecache-buffer-size': mebibytes(memory / 32),
  'key-buffer-size': mebibytes(memory / 64),
  'max-allowed-packet': '64M',
  // a server has no client read files of its own for it
  'local-infile': 'OFF',
})

/** A package's name has the version in it until Debian 12. */
const packagesOf = (suffix = ''): string[] => [`mariadb-server-core${suffix}`, `mariadb-client${suffix}`]

/** MariaDB of Debian: one database, `main`, which every link has an account of its own for. */
export const mariadb: ServicePlugin = {
  title: 'MariaDB',
  versions: [
    { version: '10.11', debian: 'bookworm', packages: packagesOf() },
    { version: '11.8', debian: 'trixie', packages: packagesOf() },
    { version: '10.5', debian: 'bullseye', packages: packagesOf('-10.5') },
  ],
  variable: 'DATABASE',
  user: 'mysql',
  directory,
  // the account comes with a package that would make data of its own
  prepare: 'useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mysql',
  files: { [program('initialise')]: initialise, [program('start')]: start },
  initialise: ({ version }) => [program('initialise'), version],
  start: (plan) => [
    program('start'),
    plan.version,
    ...Object.entries(settingsFor(plan)).map(([name, value]) => `--${name}=${value}`),
  ],
  ready: () => ({ words: [...asks, '--execute=select 1'] }),
  // a clean shutdown (mariadbd(8)): what is committed is on the disk, and the next start has nothing to recover
  stop: { signal: 'SIGTERM', seconds: 60 },
  grant: (credential) => ({ words: asks, input: grantSql(credential) }),
  revoke: (role) => ({ words: asks, input: revokeSql(role) }),
  url: (host, { role, password }) => `mysql://${role}:${password}@${host}:3306/main`,
  measure: () => ({ words: [...asks, `--execute=${measureSql}`] }),
  backup,
  connect: () => [...client, 'main'],
}

export const plugin = definePlugin({ kind: 'service', name: 'mariadb', version: '1.0.0', start: () => mariadb })
