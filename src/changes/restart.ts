import { z } from 'zod'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import type { Release } from '../store/releases.js'
import { formationOf } from './formation.js'
import { acting } from './kind.js'

const Restart = z.object({ kind: z.literal('restart'), process: z.string().nullable().describe('null is all') })
type Restart = z.output<typeof Restart>

/** @throws BerthError `missing` when the release runs no such process, or type */
function check({ process }: Restart, app: App, current: Release): void {
  if (process === null) return
  const [type = '', index = '1', ...more] = process.split('.')
  if (app.canary && type === 'web' && /^c[1-9]\d*$/.test(index) && more.length === 0) return
  const quantity = own(formationOf(current), type)?.quantity ?? 0
  if (more.length > 0 || !/^[1-9]\d*$/.test(index) || Number(index) > quantity)
    throw new BerthError('missing', `${app.name} has no process ${process}`, 'run `berth ps` to see them all')
}

/** Processes are replaced by new ones of the same release. */
export const restart = acting<Restart>({
  schema: Restart,
  describe: ({ process }) => `Restart ${process ?? 'all processes'}`,
  check,
  act: async ({ process }, at) => {
    at.progress.step(`Restarting ${process ?? 'all processes'}`)
    await at.restart(process)
    at.progress.detail('Restarted; no new release')
  },
})
