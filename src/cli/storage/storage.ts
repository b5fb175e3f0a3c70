import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import type { VolumeView } from '../../api/contract.js'
import { addCommand } from '../command.js'
import { confirmByName } from '../confirm.js'
import { UsageError } from '../failure.js'
import { formatTime, heading, print, printJson, say, table } from '../output.js'
import { followOperation } from '../progress.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from '../session.js'
import { formatMemory, parseBytes } from '../size.js'

const group = 'Storage'

interface MountOptions extends AppOptions {
  readonly process?: string
  readonly readOnly?: boolean
  readonly exclusive?: boolean
  readonly size?: string
  readonly host?: string
}

/** `data:/app/data`. @throws UsageError */
export function parsePlace(text: string): { volume: string; target?: string } {
  const [, volume = '', target] = /^([^:/]*)(?::(.*))?$/s.exec(text) ?? []
  if (volume !== '' && target !== '') return { volume, ...(target === undefined ? {} : { target }) }
  throw new UsageError(
    `"${text.slice(0, 80)}" names no volume`,
    text.startsWith('/') || text.startsWith('.')
      ? 'directories of the server are not mounted; a volume has a name, as in data:/app/data, and --host says which directory it stands for'
      : 'write it as data:/app/data',
  )
}

const placeOf = ({ target, types, readOnly, exclusive, from }: VolumeView['mounts'][number]): string => {
  const flags = [
    ...(readOnly ? ['read-only'] : []),
    ...(exclusive ? ['exclusive'] : []),
    ...(from === 'app' ? [] : [from]),
  ]
  return `${target}${types.length === 0 ? '' : ` in ${types.join(', ')}`}${flags.length === 0 ? '' : ` (${flags.join(', ')})`}`
}

function addStorage(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'storage',
        summary: 'list the volumes of an app, and where they are mounted',
        group,
        examples: ['storage -a blog', 'storage --json'],
      }),
    ),
  )
    .alias('storage:list')
    .action(async (options: AppOptions & JsonOptions) => {
      const { client, app } = await openApp(options)
      const volumes = await client.storage.list({ app })
      if (options.json) {
        printJson(volumes)
        return
      }
      if (volumes.length === 0) {
        say(`${app} has no volumes; \`berth storage:mount data:/app/data\` makes one`)
        return
      }
      print(heading(`Volumes of ${app}`))
      print(
        table(
          volumes.map(({ name, size, host, createdAt, mounts }) => [
            name,
            host ?? (size === null ? 'no limit' : formatMemory(size)),
            createdAt === null ? 'not made yet' : formatTime(createdAt),
            mounts.length === 0 ? 'not mounted' : mounts.map(placeOf).join('; '),
          ]),
        ),
      )
    })
}

function addMount(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'storage:mount',
      summary: 'mount a volume, which keeps its files over deploys and restarts; makes it where it is not there',
      group,
      examples: [
        'storage:mount data:/app/data -a blog',
        'storage:mount data:/app/data --process web,worker --size 5G',
        'storage:mount data:/srv/shared --process web --read-only',
        'storage:mount db:/var/lib/db --exclusive',
      ],
    }),
  )
    .argument('<place>', 'NAME:/path')
    .option('--process <types>', 'process types that have it, with commas between; default all')
    .option('--read-only', 'processes cannot write to it')
    .option('--exclusive', 'stop the old process before the new one starts, which costs a pause at each deploy')
    .option('--host <directory>', 'directory of the server that a new volume stands for; root says which may be')
    .option('--size <size>', 'what a new volume holds at most, as 512M or 5G; it is set apart on the disk at once')
    .action(async (place: string, { process, readOnly, exclusive, size, host, ...options }: MountOptions) => {
      const { volume, target } = parsePlace(place)
      if (target === undefined) throw new UsageError(`where is ${volume} to be?`, `write it as ${volume}:/app/data`)
      const types = process?.split(',').filter((type) => type !== '')
      const session = await openApp(options)
      const { app, client } = session
      const request = {
        ...{ app, volume, target },
        ...(types === undefined ? {} : { types }),
        ...(readOnly ? { readOnly } : {}),
        ...(exclusive ? { exclusive } : {}),
        ...(size === undefined ? {} : { size: parseBytes(size, 'disk space') }),
        ...(host === undefined ? {} : { host }),
      }
      const operation = client.storage.mount(request)
      // what it says of who shares the volume is worth reading
      await followOperation(session, `Mounting ${volume} at ${target} in ${app}`, operation, { shown: true })
    })
}

function addUnmount(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'storage:unmount',
      summary: 'take a volume from processes; what is in it is kept until storage:destroy',
      group,
      examples: ['storage:unmount data -a blog', 'storage:unmount data:/app/data'],
    }),
  )
    .argument('<volume>', 'NAME, or NAME:/path for one of its places')
    .action(async (place: string, options: AppOptions) => {
      const { volume, target } = parsePlace(place)
      const session = await openApp(options)
      const { app, client } = session
      const request = { app, volume, ...(target === undefined ? {} : { target }) }
      await followOperation(session, `Unmounting ${volume} from ${app}`, client.storage.unmount(request))
    })
}

function addBrowse(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'storage:browse',
        summary: 'list what a directory of a volume holds',
        group,
        examples: ['storage:browse data -a blog', 'storage:browse data:/photos', 'storage:browse data --json'],
      }),
    ),
  )
    .argument('<place>', 'NAME, or NAME:/path from its top')
    .action(async (place: string, options: AppOptions & JsonOptions) => {
      const { volume, target: path = '' } = parsePlace(place)
      const { client, app } = await openApp(options)
      const files = await client.storage.browse({ app, volume, path })
      if (options.json) printJson(files)
      else
        print(
          table(
            files.map(({ name, type, size, mode, uid, gid, modifiedAt, target }) => [
              `${type.slice(0, 1)} ${mode.toString(8).padStart(4, '0')}`,
              `${uid}:${gid}`,
              String(size),
              formatTime(modifiedAt),
              target === null ? name : `${name} -> ${target}`,
            ]),
          ),
        )
    })
}

/** A volume's place, or null for a path of this machine: `./data:x` and `/x` are such. */
const remote = (text: string): ReturnType<typeof parsePlace> | null =>
  /^[^:/.-][^:/]*:/.test(text) ? parsePlace(text.endsWith(':') ? `${text}/` : text) : null

function addCopy(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'storage:cp',
      summary: 'copy a file or directory into a volume, or out of one',
      group,
      examples: ['storage:cp photos data:/ -a blog', 'storage:cp data:/photos .', 'storage:cp data:/ - > data.tar'],
    }),
  )
    .argument('<from>', 'a path here, or NAME:/path; - reads a tar archive from standard input')
    .argument('<to>', 'a directory that is there, here or NAME:/path; - writes a tar archive to standard output')
    .action(async (from: string, to: string, options: AppOptions) => {
      const [source, target] = [remote(from), remote(to)]
      if ((source === null) === (target === null))
        throw new UsageError(
          'one of the two is to be in a volume, and one here',
          'as in `berth storage:cp photos data:/`, or `berth storage:cp data:/photos .`',
        )
      const { packLocal, unpackLocal } = await import('./copy.js')
      const { client, app } = await openApp(options)
      if (target !== null) {
        const archive = from === '-' ? process.stdin : packLocal(from)
        await client.storage.put({ app, volume: target.volume, path: target.target ?? '', archive })
      } else if (source !== null) {
        const archive = await client.storage.get({ app, volume: source.volume, path: source.target ?? '' })
        if (to === '-') await pipeline(archive, process.stdout, { end: false })
        else await unpackLocal(archive, to)
      }
    })
}

function addDestroy(program: Command): void {
  withApp(
    addCommand(program, {
      name: 'storage:destroy',
      summary: 'destroy a volume that is not mounted, with all that is in it',
      group,
      examples: ['storage:destroy data -a blog', 'storage:destroy data --confirm data'],
    }),
  )
    .argument('<volume>')
    .option('--confirm <volume>', 'its name again, instead of being asked for it')
    .action(async (volume: string, { confirm, ...options }: AppOptions & { confirm?: string }) => {
      const session = await openApp(options)
      const { app, client } = session
      const warning = `This destroys the volume ${volume} of ${app} with all that is in it. It cannot be undone.`
      const typed = await confirmByName(volume, warning, confirm)
      const operation = client.storage.destroy({ app, volume, confirm: typed })
      await followOperation(session, `Destroying the volume ${volume} of ${app}`, operation)
    })
}

export function registerStorage(program: Command): void {
  for (const add of [addStorage, addMount, addUnmount, addBrowse, addCopy, addDestroy]) add(program)
}
