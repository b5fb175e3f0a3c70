import { hostname, userInfo } from 'node:os'
import type { Command } from 'commander'
import type { TokenView } from '../api/contract.js'
import { addCommand } from './command.js'
import { formatAgo, formatTime, heading, print, printJson, say, table } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Access'

const expiry = ({ expiresAt }: Pick<TokenView, 'expiresAt'>): string => {
  if (expiresAt === null) return 'never expires'
  return `${Date.parse(expiresAt) <= Date.now() ? 'expired' : 'expires'} ${formatTime(expiresAt)}`
}

const row = (token: TokenView): string[] => [
  token.id,
  token.name,
  `made ${formatTime(token.createdAt)}`,
  expiry(token),
  token.lastUsedAt === null ? 'never used' : `used ${formatTime(token.lastUsedAt)} (${formatAgo(token.lastUsedAt)})`,
  token.current ? 'this one' : '',
]

interface CreateOptions extends JsonOptions {
  readonly label?: string
  readonly expires?: string
}

function addTokens(program: Command): void {
  withJson(
    addCommand(program, { name: 'tokens', summary: 'list access tokens, oldest first', group, examples: ['tokens'] }),
  )
    .alias('tokens:list')
    .action(async ({ json }: JsonOptions) => {
      const { client } = await openSession()
      const tokens = await client.tokens.list({})
      if (json) {
        printJson(tokens)
        return
      }
      print(heading('Tokens'))
      print(table(tokens.map(row)))
    })
}

function addTokensCreate(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'tokens:create',
      summary: 'create an access token and print it, once',
      group,
      examples: ['tokens:create --label ci --expires 30d', 'tokens:create ci'],
    }),
  )
    .argument('[label]', 'who or what it is for')
    .option('--label <text>', 'the label, as an option')
    .option('--expires <duration>', 'how long it is valid: 30d, 12h, 90m; by default for ever')
    .action(async (word: string | undefined, { label, expires, json }: CreateOptions) => {
      const { client } = await openSession()
      const made = await client.tokens.create({
        name: label ?? word ?? `${userInfo().username}@${hostname()}`,
        ...(expires !== undefined && { expires }),
      })
      if (json) {
        printJson(made)
        return
      }
      say(`The token of ${made.name}, ${expiry(made)}; it cannot be shown again:`)
      print(made.token)
    })
}

function addTokensRevoke(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'tokens:revoke',
      summary: 'revoke an access token, at once',
      group,
      examples: ['tokens:revoke ci', 'tokens:revoke 3fd1a0c2b7e9'],
    }),
  )
    .argument('<token>', 'its id, or its label if it is unique')
    .action(async (token: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const revoked = await client.tokens.revoke({ token })
      if (json) {
        printJson(revoked)
        return
      }
      say(`Revoked ${revoked.name} (${revoked.id})`)
      if (revoked.current) say('It was the one this command came with: `bin/up` on the server makes another')
    })
}

export function registerTokens(program: Command): void {
  for (const add of [addTokens, addTokensCreate, addTokensRevoke]) add(program)
}
