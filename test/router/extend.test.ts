import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { must, typescript } from '../run.js'

describe('the proxy library', () => {
  it('is sent on its way without what Node calls deprecated', async () => {
    const code = `import { createServer } from 'node:http'
      import { once } from 'node:events'
      import { createProxy } from './src/router/tunnel.ts'
      const app = createServer((request, response) => response.end()).listen(0)
      await once(app, 'listening')
      const proxy = createProxy()
      proxy.on('proxyRes', (_, __, response) => response.end('passed'))
      const front = createServer((request, response) => proxy.web(request, response, { target: { protocol: 'http:', host: '127.0.0.1', port: app.address().port } })).listen(0)
      await once(front, 'listening')
      console.log(await (await fetch('http://127.0.0.1:' + front.address().port)).text())
      process.exit()`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const args = [typescript, '--throw-deprecation', '--input-type=module', '-e', code]
    expect(await must(process.execPath, args, { cwd })).to.equal('passed')
  })
})
