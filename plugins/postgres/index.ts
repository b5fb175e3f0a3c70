import { definePlugin, type ServicePlan, type ServicePlugin } from 'berth/plugin'
import { backup } from './backup.js'
import { measureSql, grantSql, revokeSql } from './sql.js'

const directory = '/var/lib/berth-postgres'
const data = `${directory}/data`
const program = (name: string): string => `/usr/local/bin/berth-${name}`

/** All of it as one, or not at all: a directory that is there is whole. */
const initialise = `#!/bin/sh
set -eu
[ ! -e ${data} ] || exit 0
bin=/usr/lib/postgresql/$1/bin
draft=${data}.draft
rm -rf "$draft"
"$bin/initdb" --pgdata="$draft" --username=postgres --auth-local=peer --auth-host=scram-sha-256 \\
  --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync >/dev/null
cat >"$draft/pg_hba.conf" <<'END'
local all postgres peer
host all postgres all reject
host all all all scram-sha-256
END
"$bin/postgres" --single -D "$draft" postgres >/dev/null <<'END'
create role app nologin
create database main owner app
revoke connect on database postgres, template1 from public
revoke all on database main from public
END
sync -f "$draft"
mv "$draft" ${data}
sync -f ${directory}
`

const start = `#!/bin/sh
set -eu
version=$1
shift
refuse() { echo "berth: $1" >&2; exit 78; }
[ -s ${data}/PG_VERSION ] || refuse "the volume has no data of PostgreSQL: it is not the one that this service had"
found=$(cat ${data}/PG_VERSION)
[ "$found" = "$version" ] || refuse "the data is of PostgreSQL $found, which PostgreSQL $version does not read"
exec "/usr/lib/postgresql/$version/bin/postgres" -D ${data} "$@"
`

const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', '--dbname=main']

const mebibytes = (bytes: number): string => `${Math.max(Math.floor(bytes / 2 ** 20), 1)}MB`

/** What the server makes of the memory that it has (PostgreSQL documentation, 20.4 Resource Consumption). */
const settingsFor = ({ memory, shared }: ServicePlan): Record<string, string> => ({
  listen_addresses: '*',
  unix_socket_directories: '/tmp',
  // of a shared one, ten for each of forty apps
  max_connections: shared ? '400' : '100',
  shared_buffers: mebibytes(memory / 4),
  effective_cache_size: mebibytes((memory * 3) / 4),
  work_mem: mebibytes(memory / 256),
  maintenance_work_mem: mebibytes(memory / 16),
  password_encryption: 'scram-sha-256',
  // a statement that fails is logged without the values that an app has given apart from it
  log_parameter_max_length_on_error: '0',
})

/** PostgreSQL of Debian: one database, `main`, of the role `app`, which every link's own role is a member of. */
export const postgres: ServicePlugin = {
  title: 'PostgreSQL',
  versions: [
    { version: '15', debian: 'bookworm', packages: ['postgresql-15'] },
    { version: '17', debian: 'trixie', packages: ['postgresql-17'] },
    { version: '13', debian: 'bullseye', packages: ['postgresql-13'] },
  ],
  variable: 'DATABASE',
  shareable: true,
  user: 'postgres',
  directory,
  prepare:
    'mkdir -p /etc/postgresql-common && echo create_main_cluster=false >/etc/postgresql-common/createcluster.conf',
  files: { [program('initialise')]: initialise, [program('start')]: start },
  initialise: ({ version }) => [program('initialise'), version],
  start: (plan) => [
    program('start'),
    plan.version,
    ...Object.entries(settingsFor(plan)).map(([name, value]) => `--${name}=${value}`),
  ],
  ready: () => ({ words: [...psql, '--host=/tmp', '--command=select 1'] }),
  // fast shutdown: clients are cut off, and what is committed is on the disk (pg_ctl(1))
  stop: { signal: 'SIGINT', seconds: 60 },
  grant: (credential) => ({ words: [...psql, '--host=/tmp'], input: grantSql(credential) }),
  revoke: (role, tenant) => ({ words: [...psql, '--host=/tmp'], input: revokeSql(role, tenant) }),
  url: (host, { role, password, tenant }) => `postgres://${role}:${password}@${host}:5432/${tenant ?? 'main'}`,
  measure: () => ({ words: [...psql, '--host=/tmp', '--field-separator= ', `--command=${measureSql}`] }),
  backup,
  connect: () => ['psql', '--host=/tmp', '--dbname=main'],
}

export const plugin = definePlugin({ kind: 'service', name: 'postgres', version: '1.0.0', start: () => postgres })
