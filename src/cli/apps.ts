import type { Command } from 'commander'
import type { AppView } from '../api/contract.js'
import { addCommand } from './command.js'
import { confirmByName } from './confirm.js'
import { UsageError } from './failure.js'
import { joinSource } from './git-sync.js'
import { fields, formatTime, heading, print, printJson, say, table } from './output.js'
import { followOperation } from './progress.js'
import { inRepository, remotes, setRemote } from './repository.js'
import { openApp, openSession, withApp, withJson, type AppOptions, type JsonOptions, type Session } from './session.js'
import { formatMemory } from './size.js'

const group = 'Apps'

/** Adds the remote `berth` to the repository one is in; one that is there already is left alone. */
async function addRemote({ credentials }: Session, app: AppView): Promise<void> {
  if (!(await inRepository())) return
  const there = (await remotes()).get('berth')
  if (there === undefined || there === app.gitUrl) {
    await setRemote(credentials, 'berth', app.gitUrl)
    say('Git remote berth added; deploy with `git push berth main`')
    return
  }
  say(`The git remote berth leads to ${there} and was left alone; \`berth git:remote -a ${app.name}\` changes it`)
}

function addApps(program: Command): void {
  withJson(addCommand(program, { name: 'apps', summary: 'list apps', group, examples: ['apps'] }))
    .alias('apps:list')
    .action(async ({ json }: JsonOptions) => {
      const { client } = await openSession()
      const apps = await client.apps.list({})
      if (json) {
        printJson(apps)
        return
      }
      if (apps.length === 0) {
        say('There are no apps yet; make one with `berth apps:create NAME`')
        return
      }
      print(heading('Apps'))
      print(table(apps.map(({ name, release, url }) => [name, `v${release}`, url])))
    })
}

function addAppsCreate(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'apps:create',
      summary: 'create an app and add the git remote `berth` to the current repository',
      group,
      examples: ['apps:create blog', 'apps:create'],
    }),
  )
    .argument('[name]', 'its name, and its hostname under the domain; random by default')
    .action(async (name: string | undefined, { json }: JsonOptions) => {
      const session = await openSession()
      process.stderr.write(`Creating ${name ?? 'an app'}... `)
      let app
      try {
        app = await session.client.apps.create(name === undefined ? {} : { name })
      } catch (error) {
        say('!')
        throw error
      }
      say(`done${name === undefined ? `, ${app.name}` : ''}`)
      if (json) printJson(app)
      else print(`${app.url} | ${app.gitUrl}`)
      await addRemote(session, app)
    })
}

function addAppsInfo(program: Command): void {
  withJson(
    withApp(
      addCommand(program, { name: 'apps:info', summary: 'describe an app', group, examples: ['apps:info -a blog'] }),
    ),
  ).action(async (options: AppOptions & JsonOptions) => {
    const { client, app } = await openApp(options)
    const info = await client.apps.info({ app })
    if (options.json) {
      printJson(info)
      return
    }
    const processes = Object.entries(info.formation).map(
      ([type, { quantity, memory, cpus }]) => `${type}=${quantity}:${formatMemory(memory)}:${cpus}`,
    )
    print(heading(info.name))
    print(
      fields([
        ['Web URL', info.url],
        ['Git URL', info.gitUrl],
        ['Created', formatTime(info.createdAt)],
        ['Release', `v${info.release} (${info.description})`],
        ['Deploys', info.deployBranch ?? 'main or master'],
        ...(info.source === null ? [] : [['Source', joinSource(info.source)] as const]),
        ['Processes', processes.join(' ') || 'none yet'],
      ]),
    )
  })
}

function addAppsRename(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'apps:rename',
      summary: 'rename an app; its hostname changes with it',
      group,
      examples: ['apps:rename journal -a blog'],
    }),
  )
    .argument('<name>', 'the new name')
    .action(async (name: string, options: AppOptions) => {
      const session = await openApp(options)
      const update = session.client.apps.update({ app: session.app, name })
      await followOperation(
        session,
        `Renaming ${session.app} to ${name}`,
        update.then(({ operation, app }) => operation ?? same(app)),
      )
      const { app } = await update
      print(`${app.url} | ${app.gitUrl}`)
      const moved = [...(await remotes())].find(
        ([, url]) => url === app.gitUrl.replace(`/${name}.git`, `/${session.app}.git`),
      )
      if (moved === undefined) return
      await setRemote(session.credentials, moved[0], app.gitUrl)
      say(`Git remote ${moved[0]} updated`)
    })
}

function addAppsDestroy(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'apps:destroy',
      summary: 'destroy an app: its processes, releases, config vars and repository',
      group,
      examples: ['apps:destroy -a blog', 'apps:destroy -a blog --confirm blog', 'apps:destroy -a blog --volumes'],
    }),
  )
    .option('--confirm <name>', 'confirm with the name of the app instead of being asked')
    .option('--volumes', 'destroy its volumes, too, with all that is in them; an app that has any stays without')
    .action(async (options: AppOptions & { confirm?: string; volumes?: boolean }) => {
      const { app, client, ...session } = await openApp(options)
      await client.apps.info({ app }) // nobody is asked to confirm what is not there
      const volumes = options.volumes ? (await client.storage.list({ app })).map(({ name }) => name) : []
      const files = volumes.length === 0 ? '' : `, and its volumes with all that is in them: ${volumes.join(', ')}`
      const warning = `This destroys ${app}: its processes, releases, config vars and repository${files}. It cannot be undone.`
      const confirm = await confirmByName(app, warning, options.confirm)
      const request = { app, confirm, ...(options.volumes ? { volumes: 'true' as const } : {}) }
      await followOperation({ client, ...session }, `Destroying ${app}`, client.apps.destroy(request))
    })
}

export function registerApps(program: Command): void {
  for (const add of [addApps, addAppsCreate, addAppsInfo, addAppsRename, addAppsDestroy]) add(program)
}

const same = (app: AppView): never => {
  throw new UsageError(`${app.name} has that name already`)
}
