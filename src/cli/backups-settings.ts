import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { BackupSettingsView } from '../api/contract.js'
import { followBackup } from './backups-follow.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, heading, print, printJson, say } from './output.js'
import { openSession, withJson, type JsonOptions } from './session.js'

const group = 'Backups'

function show({ target, schedule, verifyDays, keep, publicKey }: BackupSettingsView): void {
  print(heading('Backups'))
  print(
    fields([
      ['Kept', target.type === 'local' ? target.place : `${target.type}: ${target.place}`],
      ['Made', schedule],
      ['Tried', verifyDays === 0 ? 'never' : `every ${verifyDays} days`],
      ['Retention', `${keep.daily} daily, ${keep.weekly} weekly, ${keep.monthly} monthly`],
      ['SSH key', publicKey],
    ]),
  )
}

/** @throws UsageError */
function count(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`"${text.slice(0, 40)}" is not a number of ${what}`)
  return Number(text)
}

interface ScheduleOptions extends JsonOptions {
  readonly of?: string
  readonly usual?: boolean
  readonly verify?: string
  readonly daily?: string
  readonly weekly?: string
  readonly monthly?: string
}

function addSchedule(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:schedule',
      summary: 'show or set when backups are made and tried, and how many are kept',
      group,
      examples: [
        'backups:schedule',
        'backups:schedule "30 3 * * *"',
        'backups:schedule "@hourly" --of blog-db',
        'backups:schedule off --of blog/cache',
        'backups:schedule --usual --of blog-db',
        'backups:schedule --daily 14 --verify 1',
      ],
    }),
  )
    .argument('[schedule]', 'as in a crontab, in the time zone of the server; off')
    .option('--of <subject>', 'of a service, or APP/VOLUME alone')
    .option('--usual', 'it has the usual schedule again')
    .option('--verify <days>', 'days after which the newest is restored for a trial; 0 is never')
    .option('--daily <count>', 'last backups of so many days that are kept')
    .option('--weekly <count>', 'the same of weeks')
    .option('--monthly <count>', 'the same of months')
    .action(async (schedule: string | undefined, options: ScheduleOptions) => {
      const { client } = await openSession()
      const { of, usual, json } = options
      const kept = { daily: options.daily, weekly: options.weekly, monthly: options.monthly }
      const counts = Object.entries(kept).map(([name, text]) => [name, count(text, 'backups')] as const)
      const keep = Object.fromEntries(counts.filter(([, value]) => value !== undefined))
      const verifyDays = count(options.verify, 'days')
      const asked = {
        ...(schedule !== undefined && { schedule }),
        ...(of !== undefined && { subject: of }),
        ...(usual && { usual }),
        ...(verifyDays !== undefined && { verifyDays }),
        ...(Object.keys(keep).length > 0 && { keep }),
      }
      const nothing = Object.keys(asked).length === 0
      const settings = nothing ? await client.backups.settings({}) : await client.backups.change(asked)
      if (json) printJson(settings)
      else show(settings)
    })
}

interface TargetOptions extends JsonOptions {
  readonly accessKey?: string
  readonly region?: string
  readonly ca?: string
  readonly hostKey?: string
  readonly keyFile?: string
}

/** What is typed of a target. What is secret comes from the environment, or from standard input. */
async function targetOf(place: string, options: TargetOptions) {
  if (place === 'local') return { type: 'local' as const }
  if (place.startsWith('/')) return { type: 'directory' as const, path: place }
  if (place.startsWith('sftp:')) {
    if (options.hostKey === undefined)
      throw new UsageError(
        "the server's key is missing: another could take its place",
        'ask who runs it, or `ssh-keyscan -t ed25519 HOST`, then --host-key "ssh-ed25519 AAAA…"',
      )
    return { type: 'sftp' as const, url: place, hostKey: options.hostKey }
  }
  if (!/^https?:/.test(place))
    throw new UsageError(
      `"${place.slice(0, 100)}" is no place for backups`,
      'local, /PATH, https://…/BUCKET, or sftp://…',
    )
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: secretKey } = process.env
  const accessKey = options.accessKey ?? AWS_ACCESS_KEY_ID
  if (accessKey === undefined || secretKey === undefined || secretKey === '')
    throw new UsageError(
      'the keys of the bucket are missing',
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment: what is typed as an option stands in lists of processes',
    )
  const ca = options.ca === undefined ? null : await readFile(options.ca, 'utf8')
  return { type: 's3' as const, url: place, accessKey, secretKey, region: options.region ?? null, ca }
}

function addTarget(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:target',
      summary: 'show or set where backups are kept; it is tried before it is taken',
      group,
      examples: [
        'backups:target',
        'backups:target https://s3.example.com/berth-backups --region eu-central-1',
        'backups:target sftp://berth@nas.example.com/backups --host-key "ssh-ed25519 AAAA…"',
        'backups:target /mnt/backups',
        'backups:target local',
      ],
    }),
  )
    .argument('[place]', 'local, a directory of the server, https://…/BUCKET of an S3, or sftp://USER@HOST/PATH')
    .option('--access-key <id>', 'of an S3; default AWS_ACCESS_KEY_ID')
    .option('--region <name>', 'of an S3')
    .option('--ca <file>', 'PEM of the CA of an S3 that has one of its own')
    .option('--host-key <key>', 'of an SFTP server, as in known_hosts')
    .option('--key-file <file>', 'key of a repository that another Berth has made')
    .action(async (place: string | undefined, options: TargetOptions) => {
      const session = await openSession()
      const { client } = session
      if (place !== undefined) {
        const target = await targetOf(place, options)
        const key = options.keyFile === undefined ? null : (await readFile(options.keyFile, 'utf8')).trim()
        const job = await followBackup(session, `Trying ${place}`, client.backups.target({ target, key }))
        if (job.note !== null) say(job.note)
      }
      const settings = await client.backups.settings({})
      if (options.json) printJson(settings)
      else show(settings)
    })
}

function addKey(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'backups:key',
      summary: 'show the key that backups are encrypted with, to be kept elsewhere: without it none can be read',
      group,
      examples: ['backups:key > berth-backups.key'],
    }),
  ).action(async ({ json }: JsonOptions) => {
    const { client } = await openSession()
    const answer = await client.backups.key({})
    if (json) printJson(answer)
    else {
      print(answer.key)
      say('Keep it where this server is not: backups cannot be read without it, and whoever has it reads them all')
    }
  })
}

export function addBackupSettings(program: Command): void {
  for (const add of [addSchedule, addTarget, addKey]) add(program)
}
