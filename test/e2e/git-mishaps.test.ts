import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'
import { pkt } from '../../src/git/pkt-line.js'
import { gitEnv, gitRig, type GitRig, type WorkingCopy } from '../git/rig.js'
import { typescript } from '../run.js'

/** A promise and what settles it. */
const gate = () => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('a push that meets with', function () {
  this.timeout(30_000)
  let rig: GitRig
  before(async () => {
    rig = await gitRig()
  })
  beforeEach(() => {
    rig.fate = () => null
  })
  after(() => rig[Symbol.asyncDispose]())
  const head = async (copy: WorkingCopy) => (await copy.git('rev-parse', 'HEAD')).stdout.trim()

  it('another that it builds upon: both land', async () => {
    const app = await rig.app('chain')
    const copy = await rig.clone('chain')
    await copy.git('push', 'berth', 'main')
    const { opened, open } = gate()
    const begun = gate()
    rig.fate = async () => {
      begun.open()
      await opened
      return null
    }
    await copy.commit({ a: '1' })
    const first = copy.git('push', 'berth', 'main')
    await begun.opened
    const last = await copy.commit({ a: '2' })
    const second = copy.git('push', 'berth', 'main')
    await until(async () => (await rig.store.operations.pending(app.id)).length === 2)
    open()
    const outcomes = await Promise.all([first, second])
    expect(
      outcomes.map(({ code }) => code),
      JSON.stringify(outcomes),
    ).to.deep.equal([0, 0])
    expect(outcomes[1].stderr).to.include('Waiting for the change before this one')
    expect(await rig.tip(app)).to.equal(last)
  })

  it('another that it does not contain is marked: it must not be deployed once that has landed', async () => {
    const app = await rig.app('siblings')
    const one = await rig.clone('siblings')
    await one.git('push', 'berth', 'main')
    const url = (await one.git('remote', 'get-url', 'berth')).stdout.trim()
    await one.git('clone', '-q', url, '../siblings')
    const { opened, open } = gate()
    const begun = gate()
    rig.fate = async () => {
      begun.open()
      await opened
      return null
    }
    await one.commit({ a: 'mine' })
    const first = one.git('push', 'berth', 'main')
    await begun.opened
    const other = (...args: string[]) => one.git('-C', '../siblings', ...args)
    await other('commit', '-q', '--allow-empty', '-m', 'theirs')
    const second = other('push', 'origin', 'main')
    await until(async () => (await rig.store.operations.pending(app.id)).length === 2)
    const [, waiting] = await rig.store.operations.pending(app.id)
    expect(waiting?.change).to.have.property('unless').with.length(1)
    open()
    expect((await first).code).to.equal(0)
    await second
  })

  it('Ctrl-C goes on, and its ref moves', async () => {
    const app = await rig.app('ctrlc')
    const copy = await rig.clone('ctrlc')
    const { opened, open } = gate()
    rig.fate = async (_, log) => {
      for (let line = 0; line < 5000; line += 1) log.detail(`line ${String(line)} ${'x'.repeat(100)}`)
      await opened
      return null
    }
    const push = spawn('git', ['push', 'berth', 'main'], { cwd: copy.dir, env: gitEnv, detached: true })
    await once(push.stderr, 'data')
    process.kill(-(push.pid ?? 0), 'SIGINT')
    await once(push, 'exit')
    open()
    await until(async () => (await rig.tip(app)) !== null)
    expect(await rig.tip(app)).to.equal(await head(copy))
    await until(() => readdirSync(join(rig.repository(app), 'berth')).join() === 'landed.json,spare')
  })

  it('the death of its receive-pack has its ref moved all the same', async () => {
    const app = await rig.app('killed')
    const copy = await rig.clone('killed')
    const { opened, open } = gate()
    rig.fate = async () => {
      await opened
      return null
    }
    const push = copy.git('push', 'berth', 'main')
    await until(async () => (await rig.store.operations.pending(app.id)).length === 1)
    const [id = ''] = readdirSync(join(rig.repository(app), 'berth'))
    process.kill(Number(id.split('-')[0]), 'SIGKILL')
    expect((await push).code).not.to.equal(0)
    for (const name of readdirSync(join(rig.repository(app), 'objects')))
      if (name.startsWith('tmp_objdir')) rmSync(join(rig.repository(app), 'objects', name), { recursive: true })
    open()
    await until(async () => (await rig.tip(app)) !== null)
    expect(await rig.tip(app)).to.equal(await head(copy))
    expect((await copy.git('ls-remote', 'berth')).stdout).to.include('refs/heads/main')
  })

  it('the end of its connection in the middle of the pack leaves nothing', async () => {
    const app = await rig.app('aborted')
    const copy = await rig.clone('aborted')
    await copy.git('push', 'berth', 'main')
    const before = await rig.tip(app)
    const command = pkt(`${before ?? ''} ${'1'.repeat(40)} refs/heads/main\0 report-status side-band-64k`)
    const { port } = new URL(rig.url)
    const socket = connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    const authorization = `Basic ${Buffer.from(`x:${rig.token}`).toString('base64')}`
    socket.write(
      `POST /aborted.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 1000000\r\n\r\n`,
    )
    // nine objects, of which half of the first arrives: a blob of 10,000 bytes, gitformat-pack(5)
    const header = Buffer.concat([Buffer.from('0000PACK\0\0\0\x02\0\0\0\x09'), Buffer.from([0xb0, 0xf1, 0x04])])
    socket.write(Buffer.concat([command, header, deflateSync(randomBytes(10_000)).subarray(0, 5_000)]))
    await until(() => readdirSync(join(rig.repository(app), 'objects')).some((name) => name.startsWith('tmp_objdir')))
    socket.destroy()
    await until(() => !readdirSync(join(rig.repository(app), 'objects')).some((name) => name.startsWith('tmp_objdir')))
    expect(await rig.tip(app)).to.equal(before)
    expect(await rig.store.operations.list(app.id)).to.have.length(1)
    await copy.commit({ a: 'again' })
    expect((await copy.git('push', 'berth', 'main')).code).to.equal(0)
  })

  it('a network that delivers a byte at a time is read all the same', async () => {
    await rig.app('drip')
    const body = Buffer.concat([
      pkt(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/notes/x\0 report-status`),
      Buffer.from('0000'),
    ])
    const headers = { authorization: `Basic ${Buffer.from(`x:${rig.token}`).toString('base64')}` }
    const { port } = new URL(rig.url)
    const sent = request({ host: '127.0.0.1', port, path: '/drip.git/git-receive-pack', method: 'POST', headers })
    const answered = once(sent, 'response') as Promise<[NodeJS.ReadableStream]>
    for (const byte of body) {
      sent.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    sent.end()
    let text = ''
    for await (const chunk of (await answered)[0]) text += String(chunk)
    expect(text).to.include('ng refs/notes/x only branches are taken')
  })
})

describe('a push whose api process is killed', function () {
  this.timeout(30_000)
  let rig: GitRig
  const children: ChildProcess[] = []
  before(async () => {
    rig = await gitRig({ socket: false })
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await rig[Symbol.asyncDispose]()
  })

  it('has its ref moved when the deploy succeeds, by the hook that found the next process', async () => {
    const app = await rig.app('widow')
    const copy = await rig.clone('widow')
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const port = String((free.address() as AddressInfo).port)
    free.close()
    const start = async (): Promise<ChildProcess> => {
      rmSync(rig.config.apiSocket, { force: true })
      const script = fileURLToPath(new URL('../git/api-child.ts', import.meta.url))
      const env = { ...process.env, ...rig.config.env, PORT: port }
      const child = spawn(process.execPath, [typescript, script], { env, stdio: 'inherit' })
      children.push(child)
      await until(() =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        ),
      )
      return child
    }
    const { opened, open } = gate()
    rig.fate = async () => {
      await opened
      return null
    }
    const first = await start()
    const push = copy.git('push', `http://x:${rig.token}@127.0.0.1:${port}/widow.git`, 'main')
    await until(async () => (await rig.store.operations.pending(app.id)).length === 1)
    first.kill('SIGKILL')
    expect((await push).code).not.to.equal(0)
    await start()
    open()
    await until(async () => (await rig.tip(app)) !== null)
    expect(await rig.tip(app)).to.equal((await copy.git('rev-parse', 'HEAD')).stdout.trim())
    expect(await rig.store.operations.list(app.id)).to.have.length(1)
  })
})
