import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { changePlugin } from '../../../src/plugins/catalog.js'
import { installPlugin } from '../../../src/plugins/install.js'
import type { DnsPlugin } from '../../../src/plugins/public.js'
import { RunningPlugins } from '../../../src/plugins/running.js'
import { createLog } from '../../../src/log.js'
import { storeRig } from '../../store/rig.js'
import { describeDns, type DnsRig } from './describe-dns.js'

const example = fileURLToPath(new URL('../../../examples/plugin-dns', import.meta.url))

/** examples/plugin-dns, installed as a stranger's is. */
async function exampleRig(): Promise<DnsRig> {
  const rig = await storeRig()
  const folder = await mkdtemp(join(tmpdir(), 'berth-zones-'))
  const log = createLog('test', { level: 'silent' })
  await installPlugin(rig, example)
  const started = async (settings: Record<string, string>): Promise<[DnsPlugin, RunningPlugins]> => {
    await changePlugin(rig.store, 'dns-zonefile', { settings, enabled: true })
    const plugins = new RunningPlugins({ ...rig, log, kinds: ['dns'] })
    const [plugin] = await plugins.running('dns')
    if (!plugin) throw new Error('it does not start')
    return [plugin.instance, plugins]
  }
  const zones = 'example.org, deep.example.org'
  const [stranger, others] = await started({ folder: '/proc/nowhere', zones })
  const [plugin, plugins] = await started({ folder, zones })
  const lines = async (zone: string): Promise<string[]> =>
    (await readFile(join(folder, `${zone}.txt`), 'utf8').catch(() => '')).split('\n')
  return {
    plugin,
    stranger,
    texts: async (name) =>
      [...(await lines('example.org')), ...(await lines('deep.example.org'))]
        .filter((line) => line.startsWith(`${name}. `))
        .map((line) => line.replace(/^.*"(.*)"$/, '$1'))
        .sort(),
    put: (zone, name, text) => writeFile(join(folder, `${zone}.txt`), `${name}. 60 IN TXT "${text}"\n`),
    end: () => rm(folder, { recursive: true, force: true }),
    [Symbol.asyncDispose]: async () => {
      await plugins[Symbol.asyncDispose]()
      await others[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
      await rig[Symbol.asyncDispose]()
    },
  }
}

describeDns('examples/plugin-dns', exampleRig)
