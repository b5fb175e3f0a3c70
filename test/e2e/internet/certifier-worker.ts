// The worker's part that orders certificates, as a process of its own that can be killed: certifier-worker.ts CA-FILE DIRECTORY
import { readFile } from 'node:fs/promises'
import { Certifier } from '../../../src/certificates/certifier.js'
import { loadConfig } from '../../../src/config.js'
import { createLog } from '../../../src/log.js'
import { openStore } from '../../../src/store/store.js'

const [, , caFile = '', directory = ''] = process.argv
const config = loadConfig()
const store = await openStore(config)
const authority = { directory, ca: await readFile(caFile, 'utf8') }
const log = createLog('worker', { level: 'silent' })
const certifier = new Certifier({
  store,
  authorities: [authority],
  appHost: (name) => config.appHost(name),
  log,
  pace: 20,
})
await certifier.start()
setInterval(() => undefined, 60_000)
