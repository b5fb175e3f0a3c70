import type { Command } from 'commander'
import type { AppDiskView, DiskView } from '../api/contract.js'
import { bytesInWords } from '../lib/bytes.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, heading, print, printJson, say, table } from './output.js'
import { openApp, openSession, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'
import { parseBytes } from './size.js'

const group = 'Storage'

const parts = ['images', 'volumes', 'processes', 'git', 'logs', 'cache'] as const

const limitIn = (limit: number | null): string => (limit === null ? 'no limit' : bytesInWords(limit))

/** `12.3 GiB of 20.0 GiB` */
const totalIn = ({ total, limit }: AppDiskView): string =>
  limit === null
    ? bytesInWords(total)
    : `${bytesInWords(total)} of ${bytesInWords(limit)}${total > limit ? ' (!)' : ''}`

const linesOf = (disk: AppDiskView): string =>
  fields([
    ...parts.map((part) => [part, bytesInWords(disk[part])] as const),
    ['total', bytesInWords(disk.total)],
    ['limit', limitIn(disk.limit)],
  ])

/** What takes most of an app. */
const mostOf = (disk: AppDiskView): string =>
  parts
    .filter((part) => disk[part] > 0)
    .sort((a, b) => disk[b] - disk[a])
    .slice(0, 3)
    .map((part) => `${part} ${bytesInWords(disk[part])}`)
    .join(', ')

function printAll({ disk, apps, services, images, others, backups, own }: DiskView): void {
  print(heading('Disk'))
  print(
    fields([
      ['size', bytesInWords(disk.size)],
      ['free', `${bytesInWords(disk.free)}, of which ${bytesInWords(disk.reserve)} are the reserve`],
      ['apps', bytesInWords(apps.reduce((sum, { total }) => sum + total, 0))],
      ['services', bytesInWords(services.reduce((sum, { bytes }) => sum + bytes, 0))],
      ['shared images', bytesInWords(images)],
      ['no app’s', bytesInWords(others)],
      ['backups', bytesInWords(backups)],
      ['Berth itself', bytesInWords(own)],
    ]),
  )
  if (apps.length > 0) {
    print(`\n${heading('Apps')}`)
    print(table(apps.map((one) => [one.app, totalIn(one), mostOf(one)])))
  }
  if (services.length === 0) return
  print(`\n${heading('Services')}`)
  print(table(services.map(({ service, bytes }) => [service, bytesInWords(bytes)])))
}

function addDisk(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'disk',
      summary: 'measure who has what on the disk: images, volumes, repositories, logs, caches',
      group,
      examples: ['disk', 'disk -a blog', 'disk --json'],
    }),
  )
    .option('-a, --app <name>', 'that app alone')
    .action(async ({ app, json }: AppOptions & JsonOptions) => {
      const { client } = await openSession()
      if (app === undefined) {
        const all = await client.disk.all({})
        if (json) printJson(all)
        else printAll(all)
        return
      }
      const one = await client.disk.app({ app })
      if (json) printJson(one)
      else print(`${heading(`${app} Disk`)}\n${linesOf(one)}`)
    })
}

/** @throws UsageError */
function readLimit(word: string): number | null {
  if (word === 'none') return 0
  if (word === 'default') return null
  const bytes = parseBytes(word, 'disk space')
  if (bytes < 1) throw new UsageError('an app needs some of the disk', 'write it as 10G, or none for no limit')
  return bytes
}

function addDiskLimit(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'disk:limit',
        summary: 'say how much an app may have on the disk; pushes and copies that would take more are refused',
        group,
        examples: ['disk:limit 10G -a blog', 'disk:limit none -a blog', 'disk:limit default -a blog'],
      }),
    ),
  )
    .argument('<size>', '10G; none: no limit; default: that of the server (BERTH_APP_DISK)')
    .action(async (word: string, options: AppOptions & JsonOptions) => {
      const limit = readLimit(word)
      const { client, app } = await openApp(options)
      const now = await client.disk.limit({ app, limit })
      if (options.json) printJson(now)
      else
        say(
          `${app} may have ${now.limit === null ? 'what the disk has' : bytesInWords(now.limit)}; it has ${bytesInWords(now.total)}`,
        )
    })
}

/** `berth disk` and its kind. */
export function registerDisk(program: Command): void {
  for (const add of [addDisk, addDiskLimit]) add(program)
}
