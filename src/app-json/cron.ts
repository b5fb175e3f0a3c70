import { z } from 'zod'
import { checkCommand, checkLine } from '../cron/check.js'
import { lineKey } from '../cron/entry.js'
import { messageOf } from '../errors.js'
import { parseDuration } from '../lib/duration.js'
import { mostCronEntries, type CronLine } from '../store/cron.js'

const Line = z
  .object({
    command: z.string(),
    schedule: z.string(),
    concurrency_policy: z.enum(['allow', 'forbid', 'replace']).exactOptional(),
    maintenance: z.boolean().default(false),
    timezone: z.string().exactOptional(),
    timeout: z.string().exactOptional(),
  })
  .transform(({ concurrency_policy: concurrency, maintenance, timeout, ...line }, context): CronLine => {
    const ms = timeout === undefined ? undefined : parseDuration(timeout)
    if (ms === null) context.addIssue({ code: 'custom', path: ['timeout'], message: 'write it as 90s, 30m or 2h' })
    const entry: CronLine = {
      ...{ ...line, command: line.command.trim() },
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(ms === undefined || ms === null ? {} : { timeout: ms }),
      ...(maintenance ? { maintenance } : {}),
    }
    const complain = (check: () => void, ...path: string[]): boolean => {
      try {
        check()
        return false
      } catch (error) {
        context.addIssue({ code: 'custom', path, message: messageOf(error) })
        return true
      }
    }
    if (complain(() => checkCommand(line.command), 'command')) return entry
    complain(() => checkLine(entry), 'schedule')
    return entry
  })

/** `cron` of an app.json, as Dokku has it: dokku docs/appendices/file-formats/app-json.md. */
export const CronLines = z
  .array(z.unknown())
  .max(mostCronEntries, `an app has ${mostCronEntries} entries at most`)
  .default([])
  .pipe(z.array(Line))
  .superRefine((lines, context) => {
    const known = new Map<string, number>()
    lines.forEach((line, at) => {
      const before = known.get(lineKey(line))
      if (before !== undefined)
        context.addIssue({ code: 'custom', path: [at], message: `it is the same as cron.${before}` })
      known.set(lineKey(line), at)
    })
  })
