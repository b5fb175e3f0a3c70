import { z } from 'zod'
import { acting } from './kind.js'

const Rename = z.object({ kind: z.literal('rename') })
type Rename = z.output<typeof Rename>

/** The app has another name, and so another hostname: the store has it already, now the router learns of it. */
export const rename = acting<Rename>({
  schema: Rename,
  describe: () => 'Rename',
  act: async (_, at) => {
    await at.refreshRoute()
    at.progress.detail(`${at.url} is the app's address now; no new release`)
  },
})
