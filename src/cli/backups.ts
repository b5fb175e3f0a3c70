import type { Command } from 'commander'
import type { BackupSubjectView, BackupView } from '../api/contract.js'
import { bytesInWords } from '../lib/bytes.js'
import { followBackup } from './backups-follow.js'
import { addBackupSettings } from './backups-settings.js'
import { addCommand } from './command.js'
import { confirmByName } from './confirm.js'
import { UsageError } from './failure.js'
import { fields, formatAgo, formatTime, heading, print, printJson, say, table } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

export const group = 'Backups'

const agoOr = (time: string | null, never: string): string => (time === null ? never : formatAgo(time))

const subjectRow = ({ name, backups, bytes, last, proven, next, failure }: BackupSubjectView): string[] => [
  name,
  String(backups),
  bytes === null ? '' : bytesInWords(bytes),
  agoOr(last, 'never'),
  agoOr(proven, 'never'),
  next === null ? 'off' : formatTime(next),
  failure === null ? '' : `failed: ${failure}`,
]

const backupRow = ({ id, at, bytes, stored, cause, proven, failure, within }: BackupView): string[] => [
  id,
  formatTime(at),
  bytesInWords(bytes),
  stored === null ? '' : `+${bytesInWords(stored)}`,
  cause,
  failure !== null ? `trial failed: ${failure}` : proven === null ? 'not tried' : `restored ${formatAgo(proven.at)}`,
  within ? '' : 'in another repository',
]

function addBackups(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups',
      summary: 'list what is backed up, or the backups of a service or volume',
      group,
      examples: ['backups', 'backups blog-db', 'backups blog/data'],
    }),
  )
    .argument('[subject]', 'a service, or APP/VOLUME')
    .option('--all', 'each backup that there is, of what is gone, too')
    .action(async (subject: string | undefined, { json, all: each }: JsonOptions & { all?: boolean }) => {
      const { client } = await openSession()
      if (subject === undefined && !each) {
        const all = await client.backups.subjects({})
        if (json) printJson(all)
        else if (all.length === 0) say('There is nothing to back up yet: no service, and no volume')
        else {
          print(heading('Backups'))
          const head = ['', 'COUNT', 'SIZE', 'LAST', 'LAST PROVEN RESTORE', 'NEXT', '']
          print(table([head, ...all.map(subjectRow)]))
        }
        return
      }
      const all = (await client.backups.list({})).filter((one) => each || one.subject.name === subject)
      if (json) printJson(all)
      else if (all.length === 0)
        say(`There is no backup of ${subject} yet; \`berth backups:create ${subject}\` makes one`)
      else {
        print(heading(each ? 'Backups' : `Backups of ${subject ?? ''}`))
        print(table(all.map((one) => [...(each ? [one.subject.name] : []), ...backupRow(one)])))
      }
    })
}

function addCreate(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:create',
      summary: 'back up a service or a volume now, and wait until it is done',
      group,
      examples: ['backups:create blog-db', 'backups:create blog/data'],
    }),
  )
    .argument('<subject>', 'a service, or APP/VOLUME')
    .action(async (subject: string, { json }: JsonOptions) => {
      const session = await openSession()
      const job = await followBackup(session, `Backing up ${subject}`, session.client.backups.create({ subject }))
      const made = await session.client.backups.info({ backup: job.id })
      if (json) printJson(made)
      else say(`${made.id}: ${bytesInWords(made.bytes)}; \`berth backups:restore ${made.id}\` brings it back`)
    })
}

function addInfo(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:info',
      summary: 'show what a backup is, and when it was last restored for a trial',
      group,
      examples: ['backups:info mkxz3c1a2b4f'],
    }),
  )
    .argument('<backup>')
    .action(async (backup: string, { json }: JsonOptions) => {
      const { client } = await openSession()
      const info = await client.backups.info({ backup })
      if (json) printJson(info)
      else show(info)
    })
}

function show(info: BackupView): void {
  const { id, subject, kind, version, at, bytes, stored, ms, sha256, proven, failure } = info
  print(heading(id))
  print(
    fields([
      ['Of', `${subject.name} (${kind}${version === null ? '' : ` ${version}`})`],
      ['Made', `${formatTime(at)}${ms === 0 ? '' : `, in ${(ms / 1000).toFixed(1)} s`}`],
      ['Size', `${bytesInWords(bytes)}${stored === null ? '' : `; the repository grew by ${bytesInWords(stored)}`}`],
      ['SHA-256', sha256],
      ['Proven', proven === null ? 'not yet' : `${formatTime(proven.at)}: restored, and ${proven.things} things found`],
      ...(failure === null ? [] : [['Last trial', `failed: ${failure}`] as const]),
    ]),
  )
}

function addRestore(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:restore',
      summary: 'restore a backup beside what there is, and only then in its place',
      group,
      examples: ['backups:restore mkxz3c1a2b4f --to blog-db-2', 'backups:restore mkxz3c1a2b4f --confirm blog-db'],
    }),
  )
    .argument('<backup>')
    .option('--to <name>', 'of a new service, or volume of the app; default: in the place of what it was made of')
    .option('--confirm <name>', 'confirm with the name of the service instead of being asked')
    .action(async (id: string, { json, to, confirm }: JsonOptions & { to?: string; confirm?: string }) => {
      const session = await openSession()
      const { client } = session
      const { subject, at } = await client.backups.info({ backup: id })
      if (to === undefined && subject.type === 'service') {
        const warning = `${subject.name} gets what it had at ${formatTime(at)}; what it has now is kept as another service.`
        const typed = await confirmByName(subject.name, warning, confirm)
        if (typed !== subject.name)
          throw new UsageError(`"${typed}" is not the name of the service, "${subject.name}"`, 'nothing was changed')
      }
      const asked = client.backups.restore({ backup: id, to: to ?? null })
      const job = await followBackup(session, `Restoring ${subject.name}${to === undefined ? '' : ` to ${to}`}`, asked)
      if (json) printJson(job)
      else if (job.note !== null) say(job.note)
    })
}

function addVerify(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:verify',
      summary: 'restore a backup for a trial, have it checked, and take it away again',
      group,
      examples: ['backups:verify mkxz3c1a2b4f'],
    }),
  )
    .argument('<backup>')
    .action(async (backup: string, { json }: JsonOptions) => {
      const session = await openSession()
      const job = await followBackup(session, `Trying ${backup}`, session.client.backups.verify({ backup }))
      if (json) printJson(job)
      else if (job.note !== null) say(job.note)
    })
}

function addRemove(program: Command): void {
  addCommand(program, {
    name: 'backups:remove',
    summary: 'remove a backup from its repository',
    group,
    examples: ['backups:remove mkxz3c1a2b4f --confirm mkxz3c1a2b4f'],
  })
    .argument('<backup>')
    .option('--confirm <id>', 'confirm with the id of the backup instead of being asked')
    .action(async (backup: string, options: { confirm?: string }) => {
      const session = await openSession()
      await session.client.backups.info({ backup })
      const warning = `This removes the backup ${backup}. It cannot be undone.`
      const confirm = await confirmByName(backup, warning, options.confirm)
      await followBackup(session, `Removing ${backup}`, session.client.backups.remove({ backup, confirm }))
    })
}

function addJobs(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:jobs',
      summary: 'list what was asked of backups, and what came of it',
      group,
      examples: ['backups:jobs'],
    }),
  ).action(async ({ json }: JsonOptions) => {
    const { client } = await openSession()
    const all = await client.backups.jobs({})
    if (json) printJson(all)
    else
      print(
        table(
          all
            .slice(0, 50)
            .map(({ id, createdAt, task, subject, state, failure, note }) => [
              ...[id, formatTime(createdAt), task, subject?.name ?? '', state, failure ?? note ?? ''],
            ]),
        ),
      )
  })
}

function addCancel(program: Command): void {
  addCommand(program, {
    name: 'backups:cancel',
    summary: 'call off a backup, a restore or a trial; what was there before stays',
    group,
    examples: ['backups:cancel mkxz3c1a2b4f'],
  })
    .argument('<job>', 'as `berth backups:jobs` lists it')
    .action(async (job: string) => {
      const session = await openSession()
      const asked = session.client.backups.cancel({ job })
      await followBackup(session, `Calling off ${job}`, asked, { cancelled: true })
    })
}

export function registerBackups(program: Command): void {
  for (const add of [addBackups, addCreate, addInfo, addRestore, addVerify, addRemove, addJobs, addCancel]) add(program)
  addBackupSettings(program)
}
