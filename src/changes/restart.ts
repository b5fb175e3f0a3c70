import { z } from 'zod'
import { acting } from './kind.js'

const Restart = z.object({ kind: z.literal('restart'), process: z.string().nullable().describe('null is all') })
type Restart = z.output<typeof Restart>

/** Processes are replaced by new ones of the same release. */
export const restart = acting<Restart>({
  schema: Restart,
  describe: ({ process }) => `Restart ${process ?? 'all processes'}`,
  act: async ({ process }, at) => {
    at.progress.step(`Restarting ${process ?? 'all processes'}`)
    await at.restart(process)
    at.progress.detail('Restarted; no new release')
  },
})
