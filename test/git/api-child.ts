import { createServer } from 'node:http'
import { loadConfig } from '../../src/config.js'
import { createGitHandler } from '../../src/git/handler.js'
import { openStore } from '../../src/store/store.js'
import { createLog } from '../../src/log.js'

/** The git half of an api process, to be killed: on the instance's socket, and on the port it is given. */
const config = loadConfig()
const store = await openStore(config, false)
const handler = createGitHandler({ config, store, log: createLog('test', { level: 'silent' }) })
const port = Number(process.env.PORT)
for (const where of [{ path: config.apiSocket }, { port, host: '127.0.0.1' }])
  createServer((request, response) => {
    if (!handler(request, response)) response.writeHead(418).end()
  }).listen(where)
