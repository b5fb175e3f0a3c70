import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, execute, KeyedMutex, listedZones, longestZone, BerthError, z, zones } from 'berth/plugin'

/** Keeps records in a file for each zone, which its zone file includes, and has the name server read it anew. */
class ZoneFiles {
  #settings
  #turns = new KeyedMutex()
  constructor(settings) {
    this.#settings = settings
  }

  async zoneOf(name) {
    return longestZone(name, listedZones(this.#settings.zones))
  }

  add(record, signal) {
    return this.#change(record, signal, (lines, line) => [...lines, line])
  }

  remove(record, signal) {
    return this.#change(record, signal, (lines) => lines)
  }

  #change({ zone, name, text }, signal, next) {
    return this.#turns.run(zone, async () => {
      signal.throwIfAborted()
      const file = join(this.#settings.folder, `${zone}.txt`)
      const line = `${name}. 60 IN TXT "${text}"`
      try {
        const before = await readFile(file, 'utf8').catch((error) => {
          if (error.code === 'ENOENT') return ''
          throw error
        })
        const others = before.split('\n').filter((one) => one !== '' && one !== line)
        await writeFile(`${file}.new`, `${next(others, line).join('\n')}\n`)
        await rename(`${file}.new`, file)
      } catch (cause) {
        throw new BerthError('unavailable', `${file} cannot be written: ${cause.code}`, undefined, cause)
      }
      const [program, ...args] = this.#settings.reload.split(' ').filter((word) => word !== '')
      if (program === undefined) return
      const { code, stderr } = await execute(program, args, { signal, patience: 30_000 })
      if (code !== 0) throw new BerthError('unavailable', `${program} ends with ${code}: ${stderr.slice(0, 200)}`)
    })
  }
}

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-zonefile',
  version: '1.0.0',
  settings: z.strictObject({
    folder: z.string().startsWith('/').describe('where its files are; the account berth must be able to write there'),
    reload: z.string().default('').describe('what has the name server read them: knotc zone-reload'),
    zones: zones(),
  }),
  start: ({ settings }) => new ZoneFiles(settings),
})
