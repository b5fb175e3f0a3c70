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

const owner = (tenant: string | null): string => (tenant === null ? 'app' : checked(tenant))

/** What a role of a shared service may have at once: connections, and bytes of the disk for what does not fit in memory. */
const limits = { connections: 10, temporary: '1GB' }

/** A database of the tenant's own, which no other role gets in to. */
const tenantSql = (tenant: string): string => `
select not exists (select from pg_roles where rolname = '${checked(tenant)}') as missing \\gset
\\if :missing
create role ${tenant} nologin;
\\endif
select not exists (select from pg_database where datname = '${tenant}') as missing \\gset
\\if :missing
create database ${tenant} owner ${tenant};
\\endif
revoke all on database ${tenant} from public;
`

/**
 * A role that may log in, and is `app` once it has, or the tenant's own: what it makes is of all that are let in to the same data. What
 * somebody might set otherwise for a session is no limit, and is left alone.
 */
export const grantSql = ({
  role,
  password,
  tenant,
}: ServiceCredential): string => `${tenant === null ? '' : tenantSql(tenant)}
do $$ begin
  if not exists (select from pg_roles where rolname = '${checked(role)}') then create role ${role} in role ${owner(tenant)}; end if;
end $$;
alter role ${role} set role to ${owner(tenant)};
alter role ${role} login password '${scramVerifier(password)}';
${tenant === null ? '' : `alter role ${role} connection limit ${limits.connections}; alter role ${role} set temp_file_limit to '${limits.temporary}';\n`}`

/** No new connection, then no old one; what is its own becomes that of all that are let in to the same data, which stays. */
export const revokeSql = (role: string, tenant: string | null): string => `
select exists (select from pg_roles where rolname = '${checked(role)}') as there,
  exists (select from pg_database where datname = '${checked(tenant ?? 'main')}') as has_data \\gset
\\if :there
alter role ${role} nologin;
select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '${role}';
\\if :has_data
\\connect ${tenant ?? 'main'}
reassign owned by ${role} to ${owner(tenant)};
drop owned by ${role};
\\connect main
\\endif
drop role ${role};
\\endif
`

/** Bytes of all databases, and clients that are connected to `main`. */
export const measureSql =
  "select (select sum(pg_database_size(oid)) from pg_database), (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())"
