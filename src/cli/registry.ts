import type { Command } from 'commander'
import { addCommand } from './command.js'
import { heading, print, printJson, say, table } from './output.js'
import { readPassword } from './password.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Registries'

function addRegistry(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'registry',
      summary: 'list the registries that images are pulled from with a password',
      group,
      examples: ['registry', 'registry --json'],
    }),
  )
    .alias('registry:list')
    .action(async ({ json }: JsonOptions) => {
      const { client } = await openSession()
      const all = await client.registries.list({})
      if (json) {
        printJson(all)
        return
      }
      print(heading('Registries'))
      print(table(all.map(({ host, user }) => [host, user])))
    })
}

function addLogin(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'registry:login',
      summary: 'pull images from a registry with a password, read from standard input',
      group,
      examples: ['registry:login registry.example.com you < token.txt', 'registry:login docker.io you < token.txt'],
    }),
  )
    .argument('<host>', 'as the names of its images begin')
    .argument('<user>')
    .action(async (host: string, user: string, { json }: JsonOptions) => {
      const password = await readPassword(`printf %s "$TOKEN" | berth registry:login ${host} ${user}`)
      const { client } = await openSession()
      const login = await client.registries.login({ host, user, password })
      if (json) printJson(login)
      else say(`Images of ${login.host} are pulled as ${login.user}, for every app`)
    })
}

function addLogout(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'registry:logout',
      summary: 'forget the password of a registry',
      group,
      examples: ['registry:logout registry.example.com'],
    }),
  )
    .argument('<host>')
    .action(async (host: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const login = await client.registries.logout({ host })
      if (json) printJson(login)
      else say(`The password of ${login.user} at ${login.host} is forgotten`)
    })
}

export function registerRegistry(program: Command): void {
  for (const add of [addRegistry, addLogin, addLogout]) add(program)
}
