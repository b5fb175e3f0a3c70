import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin } from 'berth/plugin'

/** Writes down what went wrong, a line each. */
export const plugin = definePlugin({
  kind: 'notifier',
  name: 'notify-file',
  version: '1.0.0',
  async start({ directory }) {
    const file = join(await directory(), 'notices')
    return {
      async notify({ at, level, title, text }) {
        if (level === 'error') await appendFile(file, `${at} ${title}: ${text.split('\n')[0]}\n`)
      },
    }
  },
})
