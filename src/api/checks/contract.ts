import { z } from 'zod'
import type { Change } from '../../changes/index.js'
import { CheckFields, checkPhases } from '../../store/checks.js'
import { OperationView } from '../operations/contract.js'
import { OfApp } from '../schemas.js'

const Phase = z
  .enum(checkPhases)
  .describe(
    'startup: a new process passes before it serves; readiness: one that runs and fails gets no requests until it passes again; liveness: one that runs and fails is replaced',
  )

const Source = z.enum(['app', 'app.json', 'CHECKS', 'compose', 'Dockerfile', 'default']).describe('app: set by command')

const CheckView = z.strictObject({
  phase: Phase,
  name: z.string().describe("'' has none"),
  asks: z.string().describe('what it does, in words'),
  values: z.record(
    z.string(),
    z.strictObject({
      value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.record(z.string(), z.string())]),
      from: Source,
    }),
  ),
})
export type CheckView = z.output<typeof CheckView>

const TypeChecksView = z.strictObject({
  mode: z
    .enum(['check', 'skip', 'disable'])
    .describe('skip: new processes are up without their checks; disable: and the old ones stop before they start'),
  checks: z.array(CheckView),
})

const CheckRun = z.strictObject({
  process: z.string().describe('web.1'),
  phase: Phase,
  asks: z.string(),
  passed: z.boolean(),
  said: z.string().describe('what came of it, in words'),
  ms: z.int().describe('milliseconds it took'),
})
export type CheckRun = z.output<typeof CheckRun>

const Edit = z.strictObject({
  type: z.string().optional().describe('process type; default web'),
  phase: Phase.optional(),
  set: CheckFields.optional(),
  unset: z.array(z.string()).max(100, 'at most 100').optional(),
})

const Mode = z.strictObject({
  mode: z.enum(['check', 'skip', 'disable']),
  types: z.array(z.string()).max(100, 'at most 100').optional().describe('process types; default all'),
})

const Which = z.strictObject({ process: z.string().max(80).optional().describe('web.1, or web; default all') })

export const checks = {
  get: {
    summary: 'Read how processes are checked, and who says so',
    needs: 'view',
    params: OfApp,
    reply: z.record(z.string(), TypeChecksView),
  },
  change: {
    summary: 'Set and unset what a check asks; makes no release',
    needs: 'operate',
    params: OfApp,
    body: Edit,
    submits: ({ type = 'web', phase = 'startup', set = {}, unset = [] }: z.output<typeof Edit>): Change => ({
      ...{ kind: 'checks', types: [type], phase, set, unset },
    }),
    reply: OperationView,
    status: 202,
  },
  mode: {
    summary: 'Have processes checked, or not; makes no release',
    needs: 'operate',
    params: OfApp,
    body: Mode,
    submits: ({ mode, types = [] }: z.output<typeof Mode>): Change => ({
      ...{ kind: 'checks', types, phase: 'startup', set: {}, unset: [], mode },
    }),
    reply: OperationView,
    status: 202,
  },
  run: {
    summary: 'Do the checks of running processes now, once each',
    needs: 'operate',
    params: OfApp,
    body: Which,
    reply: z.array(CheckRun),
  },
} as const
