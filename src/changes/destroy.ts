import { z } from 'zod'
import { acting } from './kind.js'

const Destroy = z.object({ kind: z.literal('destroy') })
type Destroy = z.output<typeof Destroy>

/** The app goes, with all that it has. */
export const destroy = acting<Destroy>({
  schema: Destroy,
  describe: () => 'Destroy',
  act: async (_, at) => {
    at.progress.step(`Destroying ${at.app.name}`)
    await at.store.routes.remove(at.app.id)
    await at.dismantle()
  },
  endsApp: true,
})
