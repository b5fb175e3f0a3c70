import type { ServiceBackup } from 'berth/plugin'

const at = '--no-defaults --socket=/tmp/mariadb.sock --user=mysql --default-character-set=utf8mb4'
const asks = `mariadb ${at} --batch --raw --skip-column-names`

/** A dump's last statement: what it says is the proof that all before was read. */
const whole = 'berth-mariadb-whole'

/** Those that a view, a trigger, a routine or an event is run as: it is of no use without. They are locked, and no link's any more. */
const definers = `select distinct concat(
  'create user if not exists ', account, ' account lock;\\n',
  'alter user ', account, ' identified via mysql_native_password using ''*${'0'.repeat(40)}'' account lock;\\n',
  'grant all privileges on main.* to ', account, ';')
from (
  select concat(quote(substring_index(definer, '@', 1)), '@', quote(substring_index(definer, '@', -1))) account from (
    select definer from information_schema.views where table_schema = 'main'
    union select definer from information_schema.triggers where trigger_schema = 'main'
    union select definer from information_schema.routines where routine_schema = 'main'
    union select definer from information_schema.events where event_schema = 'main') all_of_them
  where definer like 'link\\\\_%') accounts`

const dump = `
set -eu
${asks} main <<'END'
${definers};
END
mariadb-dump ${at} --single-transaction --routines --events --triggers --hex-blob --skip-dump-date main
echo "select '${whole}';"
`

const restore = `
set -eu
said=$(${asks} main)
case "$said" in *${whole}) ;; *) echo 'the dump is cut off, or none' >&2; exit 1;; esac
`

const quoted = (name: string): string => `concat('\`', replace(${name}, '\`', '\`\`'), '\`')`

/** Reads every row: the sum does not depend on their order, nor on how a version has them on the disk. */
const checks = `set session group_concat_max_len = 16777216;
select concat('select ', quote(t.table_name), ', count(*), coalesce(sum(crc32(concat_ws('','', ',
    group_concat('coalesce(hex(cast(', ${quoted('c.column_name')}, ' as binary)), ''-'')' order by c.ordinal_position), '))), 0) from ',
    ${quoted('t.table_name')}, ';')
  from information_schema.tables t join information_schema.columns c using (table_schema, table_name)
  where t.table_schema = 'main' and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') group by t.table_name order by binary t.table_name;
select concat('select ', quote(table_name), ', next_not_cached_value from ', ${quoted('table_name')}, ';')
  from information_schema.tables where table_schema = 'main' and table_type = 'SEQUENCE' order by binary table_name;
select concat('select ', quote(concat('view ', table_name)), ';') from information_schema.views where table_schema = 'main'
  order by binary table_name;
select concat('select ', quote(concat('trigger ', trigger_name)), ';') from information_schema.triggers where trigger_schema = 'main'
  order by binary trigger_name;
select concat('select ', quote(concat('routine ', routine_name)), ';') from information_schema.routines where routine_schema = 'main'
  order by binary routine_name;
`

const check = `
set -eu
statements=$(${asks} main <<'END'
${checks}END
)
printf '%s\\n' "$statements" | ${asks} main
`

const shell = (script: string): readonly string[] => ['sh', '-c', script]

/** By mariadb-dump: InnoDB's tables as one transaction sees them. */
export const backup: ServiceBackup = {
  format: 'sql',
  dump: () => shell(dump),
  restore: () => shell(restore),
  restarts: false,
  check: () => shell(check),
}
