import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { openDemandedNames } from '../../../src/certificates/open.js'
import { createLog } from '../../../src/log.js'
import { startDns } from '../../dns.js'
import { freePort } from '../../free.js'
import { app as startApp } from '../../router/parts.js'
import { typescript } from '../../run.js'
import { storeRig } from '../../store/rig.js'

const main = fileURLToPath(new URL('../../../src/router/main.ts', import.meta.url))

async function ask(port: number, host: string): Promise<string> {
  const [answer] = (await once(get({ port, agent: false, headers: { host } }), 'response')) as [IncomingMessage]
  return text(answer)
}

describe('hostnames on demand, from a router of its own to the app', function () {
  this.timeout(30_000)

  it('are served once their app has said yes, as the settings say where here is; others get the page as before', async () => {
    await using rig = await storeRig()
    await using dns = await startDns({ 'example.org': ['* A 127.0.0.9'] })
    const asked: string[] = []
    await using process_ = await startApp((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://app')
      if (pathname !== '/allowed') return response.end('from the app')
      asked.push(searchParams.get('domain') ?? '')
      return response.writeHead(searchParams.get('domain') === 'yes.example.org' ? 200 : 404).end()
    })
    const { id } = await rig.store.apps.create('shop')
    await rig.lead(id, [process_.target()])
    const settings = { asksPerMinute: 10, namesPerDay: 50, most: 10 }
    await rig.store.onDemand.put({ app: id, allow: [], ask: '/allowed', ...settings })
    const config = { ...rig.config, addresses: ['127.0.0.9'], resolvers: [dns.address] }
    const appHost = (name: string): string => rig.config.appHost(name)
    const log = createLog('test', { level: 'silent' })
    await using names = await openDemandedNames({ ...config, appHost }, { store: rig.store, log })
    expect(names).to.be.an('object')

    const port = await freePort()
    const env = { ...process.env, BERTH_ROOT: config.root, BERTH_RUN: config.run, BERTH_HTTP_PORT: String(port) }
    const router = spawn(process.execPath, [typescript, main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(router.stdout, 'data')
      let answer = ''
      while (answer !== 'from the app') {
        answer = await ask(port, 'yes.example.org').catch(() => '')
        await ask(port, 'no.example.org').catch(() => '')
        if (answer !== 'from the app') await sleep(50) // what a customer's browser does
      }
      while (!asked.includes('no.example.org')) await sleep(20)
      expect(await ask(port, 'no.example.org')).to.not.equal('from the app')
      expect(asked.sort(), 'each once, however often clients come').to.deep.equal(['no.example.org', 'yes.example.org'])
      expect((await rig.store.apps.find(id))?.domains?.map(({ host }) => host)).to.deep.equal(['yes.example.org'])
    } finally {
      router.kill('SIGKILL')
      await once(router, 'exit')
      await rig.store.notifications.close()
    }
  })
})
