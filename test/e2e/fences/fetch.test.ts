import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { inside } from '../../engine/networks/lab.js'
import { startPeer, type Peer } from '../../engine/networks/peer.js'
import { must } from '../../run.js'
import { openBuilderLab, succeeded, type BuilderLab } from '../engine/builder-lab.js'
import { base, oracle } from '../engine/harness.js'

const octet = randomInt(1, 250)
const [near, far] = [`198.19.${String(octet)}.1`, `198.19.${String(octet)}.2`]

describe('the fence around what a build fetches', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let lab: BuilderLab
  /** A service of the host on every address. */
  let host: Server
  const asked: string[] = []
  let port: number
  /** Another machine: it serves, and redirects to the host. */
  let outside: Peer
  const link = `bx${octet.toString(16)}f`
  before(async () => {
    lab = await openBuilderLab({ flags: ['--insecure-registry', '198.19.0.0/16'] })
    host = createServer((message, response) => {
      asked.push(message.url ?? '')
      response.end('the host’s secret')
    }).listen(0, '::')
    await once(host, 'listening')
    port = (host.address() as AddressInfo).port
    outside = await startPeer('outside')
    const ip = (...words: string[]) => execFileSync('ip', words)
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(outside.pid))
    ip('address', 'add', `${near}/30`, 'dev', link)
    ip('link', 'set', link, 'up')
    inside(outside, 'ip', 'address', 'add', `${far}/30`, 'dev', 'eth0')
    inside(outside, 'ip', 'link', 'set', 'eth0', 'up')
  })
  after(async () => {
    execFileSync('ip', ['link', 'delete', link])
    await outside[Symbol.asyncDispose]()
    host.close()
    await lab[Symbol.asyncDispose]()
  })
  afterEach(() => expect(asked.splice(0), 'what the host was asked').to.deep.equal([]))

  const build = (line: string, ...args: string[]) =>
    lab.build({ Dockerfile: `FROM ${base}\n${line}\n` }, '-t', 'fetched', ...args)
  const remote = (where: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const path = `/build?remote=${encodeURIComponent(where)}`
      const post = request({ socketPath: lab.socket, path, method: 'POST' }, (response) => {
        text(response).then(resolve, reject)
      })
      post.on('error', reject).end()
    })
  const addresses = (): string[] => [
    ...['127.0.0.1', '127.1', '0', '2130706433', '0x7f.1', '[::1]', '[::]', '[::ffff:127.0.0.1]', 'localhost'],
    ...Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .filter(({ internal, scopeid }) => !internal && !scopeid)
      .flatMap(({ address }) => (address.includes(':') ? [`[${address}]`] : [address, `[::ffff:${address}]`])),
  ]

  it('keeps ADD, git and contexts from all addresses of the host', async () => {
    for (const [i, address] of addresses().entries()) {
      if (!addresses().includes(address)) continue // of a test beside this one, and gone: nobody would refuse it
      const url = `http://${address}:${String(port)}`
      // git is slower, and dials as all do
      const git = i % 5 === 0 ? [`ADD ${url}/x.git /x`, `ADD git://${address}:${String(port)}/x /x`] : []
      for (const line of [`ADD ${url}/x /x`, ...git]) {
        const failed = await build(line)
        expect(failed.code, line).to.not.equal(0)
        expect(failed.stderr, line).to.match(/ADD failed: (failed to GET|error fetching)/)
      }
      expect(await remote(`${url}/Dockerfile`)).to.include('failed to GET')
      if (git.length > 0) expect(await remote(`${url}/x.git`)).to.include('error fetching')
    }
  })

  it('stands wherever a server or a name leads', async () => {
    const [address = ''] = addresses().slice(-1)
    for (const where of [
      `http://127.0.0.1:${String(port)}/`,
      `http://${near}:${String(port)}/`,
      `http://${address}:${String(port)}/`,
      'http://169.254.169.254/',
      'file:///etc/passwd',
      `//${near}:${String(port)}/x`,
    ]) {
      const script = `require('http').createServer((q, r) => r.writeHead(302, { location: ${JSON.stringify(where)} }).end()).listen(8080, () => console.log('up'))`
      const server = spawn('nsenter', [`--net=/proc/${String(outside.pid)}/ns/net`, process.execPath, '-e', script])
      try {
        await once(server.stdout, 'data')
        const failed = await build(`ADD http://${far}:8080/file /file`)
        expect(failed.code, where).to.not.equal(0)
        expect(failed.stderr, where).to.include('ADD failed: failed to GET')
        expect((await build(`ADD http://${far}:8080/x.git /file`)).code, where).to.not.equal(0)
      } finally {
        server.kill()
        await once(server, 'exit')
      }
    }
    // a name that stands for the host, as it would after a rebinding: what is connected to counts
    expect((await build(`ADD http://localhost:${String(port)}/x /x`)).code).to.not.equal(0)
  })

  it('lets through what is outside', async () => {
    const script = `require('http').createServer((q, r) => q.url === '/moved' ? r.writeHead(301, { location: '/file' }).end() : r.end('from ' + q.socket.remoteAddress)).listen(8080, '0.0.0.0', () => console.log('up'))`
    const server = spawn('nsenter', [`--net=/proc/${String(outside.pid)}/ns/net`, process.execPath, '-e', script])
    try {
      await once(server.stdout, 'data')
      for (const network of ['default', 'none', 'bridge'])
        for (const name of ['file', 'moved']) {
          succeeded(await build(`ADD http://${far}:8080/${name} /file`, '--network', network))
          expect(await lab.read('fetched', '/file'), network).to.equal(`from ${near}`)
        }
    } finally {
      server.kill()
      await once(server, 'exit')
    }
  })

  it('stands where an app’s Dockerfile names an image, too', async () => {
    const app = ['--label', 'berth.app=one']
    for (const address of ['127.0.0.1', 'localhost', near, '[::1]'])
      for (const text of [`FROM ${address}:${String(port)}/x\n`, `COPY --from=${address}:${String(port)}/x / /x`]) {
        const failed = await lab.build(
          { Dockerfile: text.startsWith('FROM') ? text : `FROM ${base}\n${text}\n` },
          ...app,
        )
        expect(failed.code, text).to.not.equal(0)
      }
    expect(asked).to.deep.equal([])
    const script = `require('http').createServer((q, r) => (console.log(q.url), r.writeHead(404).end())).listen(8080, () => console.log('up'))`
    const server = spawn('nsenter', [`--net=/proc/${String(outside.pid)}/ns/net`, process.execPath, '-e', script])
    try {
      await once(server.stdout, 'data')
      const seen = once(server.stdout, 'data')
      expect((await lab.build({ Dockerfile: `FROM ${far}:8080/x\n` }, ...app)).code).to.not.equal(0)
      expect(String((await seen)[0])).to.match(/^\/v2\//)
    } finally {
      server.kill()
      await once(server, 'exit')
    }
    // who drives the engine has Docker's ways
    await lab.build({ Dockerfile: `FROM 127.0.0.1:${String(port)}/x\n` })
    expect(asked.splice(0)).to.not.deep.equal([])
  })

  it('is open with --network host, for who drives the engine', async () => {
    succeeded(await build(`ADD http://127.0.0.1:${String(port)}/x /x`, '--network', 'host'))
    expect(asked.splice(0)).to.deep.equal(['/x'])
  })

  it('leaves nothing behind', async () => {
    await build(`ADD http://127.0.0.1:${String(port)}/x /x`)
    const name = readFileSync(`/proc/${String(lab.pid())}/cmdline`, 'utf8')
      .split('\0')
      .find((word) => /^e\d+$/.test(word))
    const groups = await must('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*/berth-${String(name)}/builds/*`])
    expect([groups, ...readdirSync(`${lab.dir}/run/b`)].filter(Boolean)).to.deep.equal([])
  })
})
