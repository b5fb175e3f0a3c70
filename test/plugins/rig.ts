import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PluginRecord } from '../../src/store/plugins.js'
import { storeRig, type StoreRig } from '../store/rig.js'

/** Plugins of a test's own, over a real Redis. */
export interface PluginRig extends AsyncDisposable {
  readonly rig: StoreRig
  /** Writes a plugin's folder. @returns where */
  readonly folder: (name: string, code: string) => Promise<string>
  /** The same, recorded and enabled. */
  readonly add: (name: string, code: string, record?: Partial<PluginRecord>) => Promise<string>
}

/** A plugin's module: `start` is the body of its function of `host`. */
export const module = (name: string, start: string, more = ''): string => `
import { BerthError, definePlugin, secret, z } from 'berth/plugin'
export const plugin = definePlugin({
  kind: 'dns', name: '${name}', version: '1.2.3', ${more}
  async start(host) { ${start} },
})`

export async function pluginRig(): Promise<PluginRig> {
  const rig = await storeRig()
  const root = await mkdtemp(join(tmpdir(), 'berth-plugins-'))
  const folder = async (name: string, code: string): Promise<string> => {
    const directory = join(root, name)
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    await writeFile(join(directory, 'index.js'), code)
    return directory
  }
  return {
    rig,
    folder,
    add: async (name, code, record = {}) => {
      const directory = await folder(name, code)
      await rig.store.plugins.add({
        ...{ name, kind: 'dns', version: '1.2.3', requires: [], directory, enabled: true, settings: {}, secrets: [] },
        ...{ source: { type: 'folder', from: directory, pin: 'x' }, revision: 1, ...record },
      })
      return directory
    },
    [Symbol.asyncDispose]: async () => {
      await rig[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}
