import { z } from 'zod'

export const areas = [
  'router',
  'worker',
  'engine',
  'store',
  'disk',
  'apps',
  'domains',
  'certificates',
  'plugins',
  'backups',
] as const

const Finding = z.strictObject({
  area: z.enum(areas),
  subject: z.string().nullable().describe('app, hostname or plugin that it is about'),
  level: z.enum(['ok', 'warning', 'error']).describe('error: something does not work; warning: it may not for long'),
  message: z.string().describe('what was found'),
  hint: z.string().nullable().describe('what to do'),
})
export type Finding = z.output<typeof Finding>

const Diagnosis = z.strictObject({
  version: z.string(),
  findings: z.array(Finding).describe('one at least of every area, those that are wrong first'),
})
export type Diagnosis = z.output<typeof Diagnosis>

export const doctor = {
  examine: {
    summary: 'Look at every part of Berth and say what is wrong with it, and what to do; changes nothing',
    needs: 'admin',
    reply: Diagnosis,
  },
} as const
