import type { ServiceBackup } from 'berth/plugin'

const psql = 'psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=/tmp --dbname=main'

/** First word of a dump; the names of its roles follow on the line. */
const mark = 'berth-postgres-roles'

/** What apps make belongs to `app`; what a role of a link may still own or be granted is named by it, so that it can be restored. */
const dump = `
set -eu
${psql} --command="select '${mark} ' || coalesce(string_agg(rolname, ' ' order by rolname), '')
  from pg_roles where rolname <> 'app' and pg_has_role(oid, 'app', 'member') and not rolsuper"
exec pg_dump --host=/tmp --dbname=main --format=custom --compress=0 --lock-wait-timeout=60s
`

/** Roles that are there only for the dump's sake give what is theirs to \`app\`, and go. */
const restore = `
set -eu
IFS= read -r line || { echo 'the dump is empty' >&2; exit 1; }
case "$line" in '${mark} '*) ;; *) echo 'this is no dump of a service of PostgreSQL' >&2; exit 1;; esac
stubs=
for role in \${line#'${mark} '}; do
  case "$role" in *[!a-z0-9_]*) echo 'the dump names a role that is none' >&2; exit 1;; esac
  there=$(${psql} --command="select 1 from pg_roles where rolname = '$role'")
  [ -z "$there" ] || continue
  ${psql} --command="create role $role nologin in role app"
  stubs="$stubs $role"
done
pg_restore --host=/tmp --dbname=main --format=custom --exit-on-error
for role in $stubs; do
  ${psql} --command="reassign owned by $role to app; drop owned by $role; drop role $role"
done
exec ${psql} --command=analyze
`

/** Reads every row: the hash does not depend on their order. */
const checkSql = `
select format('select %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from only %I.%I t',
    format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.relispopulated and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
  order by n.nspname collate "C", c.relname collate "C" \\gexec
select format('%I.%I', schemaname, sequencename), last_value from pg_sequences order by schemaname collate "C", sequencename collate "C";
select 'large objects', count(*) from pg_largeobject_metadata;
`

const check = `exec ${psql} --field-separator=' ' <<'END'
${checkSql}END
`

const tenants = `select datname from pg_database where datname ~ '^app_' order by datname collate "C"`

/** First and last line of a dump of a shared service. */
const [begin, whole] = ['berth-postgres-shared', 'berth-postgres-whole']

/** Each tenant's database as one transaction sees it, one after the other: none has a part in two. */
const dumpShared = `
set -eu
echo "-- ${begin}"
names=$(${psql} --command="${tenants.replaceAll('"', '\\"')}")
for name in $names; do
  printf '%s\\n' '\\connect main'
  ${psql} --command="select format(E'create role %I nologin;\\ncreate database %I owner %I;\\nrevoke all on database %I from public;', '$name', '$name', '$name', '$name')"
  printf '%s\\n' "\\connect $name" "set role $name;"
  pg_dump --host=/tmp --dbname="$name" --no-owner --no-privileges --lock-wait-timeout=60s
done
printf '%s\\n' '\\connect main' "select '${whole}';"
`

const restoreShared = `
set -eu
IFS= read -r line || { echo 'the dump is empty' >&2; exit 1; }
[ "$line" = '-- ${begin}' ] || { echo 'this is no dump of a shared service of PostgreSQL' >&2; exit 1; }
said=$(${psql} --output=/tmp/berth-said --file=- && tail -n 1 /tmp/berth-said)
[ "$said" = '${whole}' ] || { echo 'the dump is cut off' >&2; exit 1; }
`

const checkShared = `
set -eu
names=$(${psql} --command="${tenants.replaceAll('"', '\\"')}")
for name in $names; do
  echo "database $name"
  ${psql} --field-separator=' ' --dbname="$name" <<'END'
${checkSql}END
done
`

const shell = (script: string): readonly string[] => ['sh', '-c', script]

/** By pg_dump: the database as one transaction sees it. Not compressed: whoever keeps it compresses what has not been kept before. */
export const backup: ServiceBackup = {
  format: 'pgdump',
  dump: ({ shared }) => shell(shared ? dumpShared : dump),
  restore: ({ shared }) => shell(shared ? restoreShared : restore),
  restarts: false,
  check: ({ shared }) => shell(shared ? checkShared : check),
}
