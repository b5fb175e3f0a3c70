import { expect } from 'chai'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Relay } from '../../src/git/relay.js'
import { operationFiles } from '../../src/builds/files.js'
import { authorization, commit, entry, head, none, object, pack, tree } from './packs.js'
import { gitRig, type GitRig } from './rig.js'

const mebibyte = 1024 * 1024

describe('the relay of a log', () => {
  const relayed = async (
    limits: { line: number; budget: number; tail: number },
    ...texts: string[]
  ): Promise<string> => {
    let out = ''
    const relay = new Relay((text) => {
      out += text
      return Promise.resolve()
    }, limits)
    for (const text of texts) await relay.say(text)
    await relay.end()
    return out
  }
  const wide = { line: 10, budget: 1000, tail: 100 }

  it('passes on what is within its limits, as it is', async () => {
    expect(await relayed(wide, 'one\ntw', 'o\n', '\n', 'three\n')).to.equal('one\ntwo\n\nthree\n')
  })

  it('ends the last line', async () => expect(await relayed(wide, 'one\ntwo')).to.equal('one\ntwo\n'))

  it('cuts a line that is too long, however it comes', async () => {
    const text = `${'x'.repeat(10_000)}\nnext\n`
    expect(await relayed(wide, text)).to.equal('xxxxxxxxxx…\nnext\n')
    expect(await relayed(wide, ...text.split(/(?=.)/s))).to.equal('xxxxxxxxxx…\nnext\n')
  })

  it('sends the end of a log that is too long', async () => {
    const lines = Array.from({ length: 10_000 }, (_, at) => `${String(at)}\n`)
    for (const pieces of [lines, [lines.join('')]]) {
      const out = await relayed(wide, ...pieces, 'the reason\n')
      expect(out)
        .to.include('berth builds:output')
        .and.to.match(/9998\n9999\nthe reason\n$/)
      expect(out.length).to.be.lessThan(1500)
    }
  })

  it('waits for its reader', async () => {
    let open = (): void => undefined
    const room = new Promise<void>((resolve) => (open = resolve))
    let said = false
    const saying = new Relay(() => room).say('one\n').then(() => (said = true))
    await new Promise(setImmediate)
    expect(said).to.equal(false)
    open()
    await saying
  })
})

describe('a push with a log of 200 MB', function () {
  this.timeout(60_000)
  let rig: GitRig
  before(async () => {
    rig = await gitRig({ patienceMs: 4000 })
    rig.fate = ({ id }) => {
      const piece = 'y\n'.repeat(mebibyte / 2)
      for (let at = 0; at < 200; at += 1) appendFileSync(operationFiles(rig.config, id).log, piece)
      appendFileSync(operationFiles(rig.config, id).log, 'the last line\n')
      return null
    }
  })
  after(() => rig[Symbol.asyncDispose]())

  /** Megabytes that the process grows by at most while something is done. */
  const growth = async (task: () => Promise<void>): Promise<number> => {
    const before = process.memoryUsage().rss
    let most = before
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
    await task()
    clearInterval(timer)
    return (most - before) / mebibyte
  }

  it('sends its beginning and its end, and takes no memory', async () => {
    await rig.app('yes')
    const copy = await rig.clone('yes')
    const grown = await growth(async () => {
      const pushed = await copy.git('push', 'berth', 'main')
      expect(pushed.code, pushed.stderr.slice(-2000)).to.equal(0)
      expect(pushed.stderr)
        .to.include('remote: y')
        .and.to.include('builds:output')
        .and.to.include('remote: the last line')
      expect(pushed.stderr.length).to.be.lessThan(4 * mebibyte)
    })
    expect(grown).to.be.lessThan(150)
  })

  it('is deployed and lands when nobody reads it, and takes no memory', async () => {
    const app = await rig.app('deaf')
    await (await rig.clone('deaf')).git('ls-remote', 'berth')
    const file = object('blob', 'x')
    const files = tree([['100644', 'x', file.oid]])
    const top = commit(files.oid)
    const body = Buffer.concat([head([none, top.oid, 'refs/heads/main']), pack([file, files, top].map(entry))])
    const grown = await growth(async () => {
      const socket = connect(Number(new URL(rig.url).port), '127.0.0.1')
      await once(socket, 'connect')
      socket.pause()
      socket.on('error', () => undefined)
      socket.write(
        `POST /deaf.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization(rig.token)}\r\n` +
          `Content-Length: ${String(body.length)}\r\n\r\n`,
      )
      socket.write(body)
      while ((await rig.tip(app)) !== top.oid) await new Promise((resolve) => setTimeout(resolve, 50))
      const pushes = async () => (await rig.store.operations.list(app.id)).map(({ status }) => status)
      expect(await pushes()).to.deep.equal(['succeeded'])
      socket.resume()
      await once(socket, 'close') // hung up on, though it sends nothing and ends nothing
    })
    expect(grown).to.be.lessThan(150)
    expect(await rig.fsck(app)).to.equal('')
  })
})
