import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { BerthError, type ServiceCredential } from 'berth/plugin'

const iterations = 4096

/**
 * What the server keeps of a password (RFC 5803, as PostgreSQL writes it): it learns no more, and so can log no more of it.
 * @param salt 16 bytes
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}

/** @throws BerthError `invalid`: it stands in a statement as it is */
function checked(role: string): string {
  if (/^[a-z][a-z0-9_]{0,62}$/.test(role)) return role
  throw new BerthError('invalid', `"${role.slice(0, 80)}" is not a role's name`)
}

/** A role that may log in, and is `app` once it has: what it makes is of all that are linked. */
export const grantSql = ({ role, password }: ServiceCredential): string => `
do $$ begin
  if not exists (select from pg_roles where rolname = '${checked(role)}') then create role ${role} in role app; end if;
end $$;
alter role ${role} set role to app;
alter role ${role} login password '${scramVerifier(password)}';
`

/** No new connection, then no old one; what is its own becomes `app`'s. */
export const revokeSql = (role: string): string => `
select exists (select from pg_roles where rolname = '${checked(role)}') as there \\gset
\\if :there
alter role ${role} nologin;
select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '${role}';
reassign owned by ${role} to app;
drop owned by ${role};
drop role ${role};
\\endif
`

/** Bytes of all databases, and clients that are connected to `main`. */
export const measureSql =
  "select (select sum(pg_database_size(oid)) from pg_database), (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())"
