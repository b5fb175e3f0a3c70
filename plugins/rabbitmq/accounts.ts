import { createHash, randomBytes } from 'node:crypto'
import type { ServiceCredential } from 'berth/plugin'

/** What the server keeps of a password (rabbitmq.com, Passwords): it learns no more. @param salt 4 bytes */
export const passwordHash = (password: string, salt: Buffer = randomBytes(4)): string =>
  Buffer.concat([salt, createHash('sha256').update(salt).update(password).digest()]).toString('base64')

/** An account that may do all in `main`, and is no administrator: definitions, as the server imports them. */
export const grantDefinitions = ({ role, password }: ServiceCredential): string =>
  JSON.stringify({
    vhosts: [{ name: 'main' }],
    users: [
      {
        ...{ name: role, password_hash: passwordHash(password), tags: '' },
        hashing_algorithm: 'rabbit_password_hashing_sha256',
      },
    ],
    permissions: [{ user: role, vhost: 'main', configure: '.*', write: '.*', read: '.*' }],
  })

const ctl = '/usr/local/bin/berth-rabbitmq-ctl'

/** Takes definitions from standard input. */
export const admitScript = `exec ${ctl} import_definitions`

/** Its connections end with an account: the server sees to that by itself. */
export const dismissScript = `
set -eu
there=$(${ctl} --quiet list_users --no-table-headers)
printf '%s\\n' "$there" | cut -f1 | grep -qxF "$1" || exit 0
exec ${ctl} delete_user "$1"
`
