import { z } from 'zod'
import { OfApp } from '../schemas.js'

const Bytes = z.int().min(0).describe('bytes')

const AppDiskView = z.strictObject({
  app: z.string(),
  images: Bytes.describe('bytes of its images that no other app has'),
  processes: Bytes.describe('bytes that its processes have written outside volumes, and printed'),
  volumes: Bytes,
  git: Bytes.describe('bytes of its repository, large files of LFS and the last tree'),
  logs: Bytes.describe('bytes of what its builds, releases and cron runs printed'),
  cache: Bytes.describe('bytes that its builds keep for the next'),
  total: Bytes,
  limit: z.int().nullable().describe('bytes that it may have; null: what the disk has'),
})
export type AppDiskView = z.output<typeof AppDiskView>

const DiskView = z.strictObject({
  disk: z.strictObject({
    size: Bytes,
    free: Bytes,
    reserve: Bytes.describe('bytes of those that nobody is given'),
  }),
  apps: z.array(AppDiskView).describe('the largest first'),
  services: z.array(z.strictObject({ service: z.string(), bytes: Bytes.describe('bytes of its data') })),
  images: Bytes.describe('bytes of images that several apps have, or none, and of services'),
  others: Bytes.describe('bytes of what no app and no service has: caches of builds, logs of services'),
  backups: Bytes.describe('bytes of backups that are on this disk'),
  own: Bytes.describe("bytes of Berth's own: its store, logs, certificates, downloads"),
})
export type DiskView = z.output<typeof DiskView>

export const disk = {
  all: { summary: 'Measure who has what on the disk', needs: 'admin', reply: DiskView },
  app: { summary: 'Measure what an app has on the disk', needs: 'view', params: OfApp, reply: AppDiskView },
  limit: {
    summary: 'Say how much an app may have on the disk; what would take more is refused; makes no release',
    needs: 'admin',
    params: OfApp,
    body: z.strictObject({
      limit: z
        .int()
        .min(0, 'bytes, or 0 for no limit')
        .nullable()
        .describe('bytes; 0: no limit; null: as for apps of which nothing is said'),
    }),
    reply: AppDiskView,
  },
} as const
