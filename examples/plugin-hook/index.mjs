import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError, definePlugin, z } from 'berth/plugin'

/** Writes down what happens to apps, and refuses pushes until a day. */
export const plugin = definePlugin({
  kind: 'hook',
  name: 'deploy-freeze',
  version: '1.0.0',
  settings: z.strictObject({
    until: z.iso.date().optional().describe('nobody deploys until this day, 2026-12-31'),
    except: z.string().default('').describe('apps that may all the same, separated by commas'),
  }),
  async start({ settings: { until, except }, directory }) {
    const journal = join(await directory(), 'journal')
    const free = except.split(',').map((name) => name.trim())
    return {
      async call({ when, event, app, by, status }, say) {
        await appendFile(journal, `${when} ${event} ${app.name} ${by ?? 'berth'} ${status ?? '-'}\n`)
        if (when !== 'before' || event !== 'push' || until === undefined) return
        if (free.includes(app.name)) say(`${app.name} may deploy though nobody else does`)
        else if (Date.now() < Date.parse(until))
          throw new BerthError('denied', `nobody deploys until ${until}`, 'ask whoever has set it')
      },
    }
  },
})
