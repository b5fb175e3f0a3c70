import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import type { ScaleChange } from '../../changes/scale.js'
import { OperationView } from '../operations/contract.js'
import { OfApp } from '../schemas.js'

const mebibyte = 1024 * 1024

export const Size = z.strictObject({
  quantity: z.int('must be a whole number').min(0, 'not less than 0').max(100, 'at most 100 of one type'),
  memory: z
    .int()
    .min(16 * mebibyte, 'at least 16M')
    .describe('bytes'),
  cpus: z.number().min(0.01).max(512),
})

export const Formation = z.record(
  z.string(),
  Size.extend({ command: z.string().nullable().describe("null is the image's own command") }),
)
export type Formation = z.output<typeof Formation>

export const formation = {
  get: {
    summary: 'Read how many of each process type run, and how large',
    needs: 'view',
    params: OfApp,
    reply: Formation,
  },
  scale: {
    summary: 'Change how many of a process type run, and how large; makes a release',
    needs: 'operate',
    params: OfApp,
    body: z.strictObject({ formation: z.record(z.string(), Size.partial()) }),
    submits: ({ formation }: Pick<ScaleChange, 'formation'>): Change => ({ kind: 'scale', formation }),
    reply: OperationView,
    status: 202,
  },
} as const
