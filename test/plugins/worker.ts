/** A process that runs plugins: prints the names of those that do. */
import { loadConfig } from '../../src/config.js'
import { createLog } from '../../src/log.js'
import { RunningPlugins } from '../../src/plugins/running.js'
import { openStore } from '../../src/store/store.js'

const config = loadConfig()
const store = await openStore(config)
const log = createLog('test', { level: 'silent' })
const plugins = new RunningPlugins({ config, store, log, kinds: ['dns'], patience: 500 })
const running = await plugins.running('dns')
console.log(running.map(({ name }) => name).join(' '))
const [call] = process.argv.slice(2)
for (const { instance } of running)
  if (call !== undefined) await (instance as never as Record<string, () => unknown>)[call]?.()
await store[Symbol.asyncDispose]()
