import type { Command } from 'commander'
import type { BackupJobView } from '../api/contract.js'
import { followBackup } from './backups-follow.js'
import { addCommand } from './command.js'
import { confirmByName } from './confirm.js'
import { UsageError } from './failure.js'
import { printJson, say } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Services'

function tell(job: BackupJobView, { json }: JsonOptions): void {
  if (json) printJson(job)
  else if (job.note !== null) say(job.note)
}

function addClone(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:clone',
      summary: 'make a new service with what another has now; no app is linked to it',
      group,
      examples: ['services:clone blog-db blog-db-test'],
    }),
  )
    .argument('<service>')
    .argument('<name>', 'of the new one')
    .action(async (service: string, name: string, options: JsonOptions) => {
      const session = await openSession()
      tell(
        await followBackup(session, `Cloning ${service} to ${name}`, session.client.copies.clone({ service, name })),
        options,
      )
    })
}

interface UpgradeOptions extends JsonOptions {
  readonly version: string
  readonly rehearse?: true
  readonly confirm?: string
}

function addUpgrade(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:upgrade',
      summary: 'have a service be of another version, with all that it has; tried on a copy first, and kept as it was',
      group,
      examples: ['services:upgrade blog-db --version 17 --rehearse', 'services:upgrade blog-db --version 17'],
    }),
  )
    .argument('<service>')
    .requiredOption('--version <version>', 'as `berth services:versions` lists them')
    .option('--rehearse', 'only try it, on a copy that is taken away again')
    .option('--confirm <name>', 'confirm with the name of the service instead of being asked')
    .action(async (service: string, options: UpgradeOptions) => {
      const { version, rehearse = false, confirm } = options
      const session = await openSession()
      if (!rehearse) {
        await session.client.services.info({ service })
        const warning = `${service} serves nobody while it is dumped and restored; \`berth services:upgrade ${service} --version ${version} --rehearse\` shows how long.`
        const typed = await confirmByName(service, warning, confirm, 'upgrading')
        if (typed !== service)
          throw new UsageError(`"${typed}" is not the name of the service, "${service}"`, 'nothing was changed')
      }
      const asked = session.client.copies.upgrade({ service, version, rehearse })
      tell(
        await followBackup(session, `${rehearse ? 'Rehearsing' : 'Upgrading'} ${service} to ${version}`, asked),
        options,
      )
    })
}

function addUndo(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'services:undo',
      summary: 'have a service be what it was before it was upgraded, or a backup restored in its place',
      group,
      examples: ['services:undo blog-db'],
    }),
  )
    .argument('<service>')
    .option('--confirm <name>', 'confirm with the name of the service instead of being asked')
    .action(async (service: string, options: JsonOptions & { confirm?: string }) => {
      const session = await openSession()
      await session.client.services.info({ service })
      const warning = `${service} gets what it was before; what was written since then stays in another service.`
      const typed = await confirmByName(service, warning, options.confirm, 'undoing')
      if (typed !== service)
        throw new UsageError(`"${typed}" is not the name of the service, "${service}"`, 'nothing was changed')
      tell(await followBackup(session, `Bringing back ${service}`, session.client.copies.undo({ service })), options)
    })
}

export function addServiceCopies(program: Command): void {
  for (const add of [addClone, addUpgrade, addUndo]) add(program)
}
