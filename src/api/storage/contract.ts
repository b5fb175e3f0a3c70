import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import { OperationView } from '../operations/contract.js'
import { OfApp } from '../schemas.js'

export const OfVolume = OfApp.extend({ volume: z.string().describe('its name, as in data:/app/data') })

const MountView = z.strictObject({
  target: z.string().describe('where it is in its processes'),
  types: z.array(z.string()).describe('process types that have it there; none before the first push'),
  readOnly: z.boolean(),
  exclusive: z.boolean().describe('the old process stops before the new one starts'),
  from: z.enum(['app', 'compose file']).describe('app: mounted by command'),
})

const VolumeView = z.strictObject({
  name: z.string(),
  createdAt: z.string().nullable().describe('RFC 3339; null: it is made when a process with it starts'),
  size: z.int().nullable().describe('bytes that it holds at most; null: what the disk holds'),
  host: z.string().nullable().describe('directory of the server that it stands for'),
  mounts: z.array(MountView).describe('none: it is kept until it is destroyed or mounted again'),
})
export type VolumeView = z.output<typeof VolumeView>

const FileView = z.strictObject({
  name: z.string(),
  type: z.string().describe('file, directory, symlink, …'),
  size: z.int().describe('bytes'),
  mode: z.int(),
  uid: z.int().describe('as the processes of the app see it'),
  gid: z.int(),
  modifiedAt: z.string().describe('RFC 3339'),
  target: z.string().nullable().describe('of a symlink'),
})
export type FileView = z.output<typeof FileView>

const InVolume = z.strictObject({
  path: z.string().default('').describe('from the top of the volume, which is the default'),
})

const Mount = z.strictObject({
  volume: z.string().describe('its name; made where it is not there'),
  target: z.string().describe('an absolute path in the processes'),
  types: z.array(z.string()).min(1, 'at least one').max(100, 'at most 100').optional().describe('default all'),
  readOnly: z.boolean().optional(),
  exclusive: z.boolean().optional().describe('the old process stops before the new one starts'),
  size: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('bytes that a new volume holds at most'),
  host: z
    .string()
    .optional()
    .describe(
      'directory of the server that a new volume stands for, one of BERTH_HOST_DIRECTORIES; for administrators',
    ),
})

const Unmount = z.strictObject({ target: z.string().optional().describe('default all its places') })

export const storage = {
  list: {
    summary: 'List the volumes of an app, and where they are mounted',
    needs: 'view',
    params: OfApp,
    reply: z.array(VolumeView),
  },
  mount: {
    summary: 'Mount a volume into processes; makes a release',
    needs: 'operate',
    params: OfApp,
    body: Mount,
    reply: OperationView,
    status: 202,
  },
  unmount: {
    summary: 'Take a volume from processes, with all that is in it kept; makes a release',
    needs: 'operate',
    params: OfVolume,
    body: Unmount,
    submits: ({ volume: name, target }: z.output<typeof OfVolume> & z.output<typeof Unmount>): Change => ({
      ...{ kind: 'unmount', name },
      ...(target === undefined ? {} : { target }),
    }),
    reply: OperationView,
    status: 202,
  },
  browse: {
    summary: 'List what a directory of a volume holds',
    needs: 'operate',
    params: OfVolume,
    query: InVolume,
    reply: z.array(FileView),
  },
  get: {
    summary: 'Read a file or directory of a volume, as a tar archive',
    needs: 'operate',
    params: OfVolume,
    query: InVolume,
    reply: z.null(),
    stream: 'archive',
  },
  put: {
    summary: 'Unpack a tar archive in a directory of a volume; all of it belongs to the user of the app',
    needs: 'operate',
    params: OfVolume,
    query: InVolume,
    takes: 'archive',
    reply: z.strictObject({ bytes: z.int().describe('of the archive') }),
  },
  destroy: {
    summary: 'Destroy a volume that is not mounted, with all that is in it',
    needs: 'manage',
    params: OfVolume,
    query: z.strictObject({ confirm: z.string().describe('the name of the volume, once more') }),
    reply: OperationView,
    status: 202,
  },
} as const
