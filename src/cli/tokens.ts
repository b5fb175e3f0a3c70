import { hostname, userInfo } from 'node:os'
import type { Command } from 'commander'
import { addCommand } from './command.js'
import { print, printJson, say } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

export function registerTokens(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'tokens:create',
      summary: 'make an access token, and print it this once',
      group: 'Access',
      examples: ['tokens:create ci'],
    }),
  )
    .argument('[name]', 'whose it is')
    .action(async (name: string | undefined, { json }: JsonOptions) => {
      const { client } = await openSession()
      const made = await client.tokens.create({ name: name ?? `${userInfo().username}@${hostname()}` })
      if (json) {
        printJson(made)
        return
      }
      say(`The token of ${made.name}; it cannot be shown again:`)
      print(made.token)
    })
}
