import { createHash } from 'node:crypto'
import { BerthError, type ServiceCredential } from 'berth/plugin'

const sha1 = (data: string | Buffer): Buffer => createHash('sha1').update(data).digest()

/** What the server keeps of a password (`mysql_native_password`, which every client has): it learns no more, and so can log no more of it. */
export const passwordHash = (password: string): string => `*${sha1(sha1(password)).toString('hex').toUpperCase()}`

/** @throws BerthError `invalid`: it stands in a statement as it is */
function checked(role: string): string {
  if (/^[a-z][a-z0-9_]{0,62}$/.test(role)) return role
  throw new BerthError('invalid', `"${role.slice(0, 80)}" is not a role's name`)
}

/** An account that has all of `main`, and nothing beside it. */
export function grantSql({ role, password }: ServiceCredential): string {
  const account = `'${checked(role)}'@'%'`
  return `create user if not exists ${account};
alter user ${account} identified via mysql_native_password using '${passwordHash(password)}' account unlock;
grant all privileges on main.* to ${account};
`
}

/** Views, triggers and procedures are run as the account that made them, so that one which has made some is locked for good, and any other dropped. */
export function revokeSql(role: string): string {
  const account = `'${checked(role)}'@'%'`
  const definer = `${role}@%`
  return `create user if not exists ${account} account lock;
alter user ${account} account lock;
kill user ${account};
alter user ${account} identified via mysql_native_password using '*${'0'.repeat(40)}';
set @last = if(
  exists (select 1 from information_schema.views where definer = '${definer}')
  or exists (select 1 from information_schema.triggers where definer = '${definer}')
  or exists (select 1 from information_schema.routines where definer = '${definer}')
  or exists (select 1 from information_schema.events where definer = '${definer}'),
  'do 0', concat('drop user ', quote('${role}'), '@', quote('%')));
execute immediate @last;
`
}

/** Bytes of tables and their indexes, and clients that are connected. */
export const measureSql =
  "select (select coalesce(sum(data_length + index_length), 0) from information_schema.tables), (select count(*) from information_schema.processlist where user not in ('mysql', 'root', 'system user', 'event_scheduler', 'unauthenticated user'))"
