import { expect } from 'chai'
import { patience } from '../../patience.js'
import { answered, grpcClient } from '../../router/grpc-rig.js'
import { evaluating, running } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

/** Speaks HTTP/2 alone, and gRPC as far as it says back what it is told, and by whom. */
const speaking = running(`
const server = require('http2').createServer()
server.on('stream', (stream, headers) => {
  stream.on('error', () => undefined)
  const pieces = []
  stream.on('data', (piece) => pieces.push(piece))
  stream.on('end', () => {
    const text = Buffer.concat(pieces).subarray(5).toString() + ' ' + process.pid + ' ' + headers['x-forwarded-for']
    const head = Buffer.alloc(5)
    head.writeUInt32BE(Buffer.byteLength(text), 1)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.concat([head, Buffer.from(text)]))
  })
})
server.listen(process.env.PORT)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`)

describe('ways to an app', function () {
  this.timeout(240_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })

  /** The router hears of a change some milliseconds after the command. */
  async function becomes<T>(look: () => Promise<T>, isSo: (now: T) => boolean): Promise<T> {
    for (const late = Date.now() + 10_000 * patience; ;) {
      const now = await look()
      if (isSo(now)) return now
      if (Date.now() > late) throw new Error(`it stays as it is: ${JSON.stringify(now)}`)
    }
  }

  it('go by a path of the hostname of another app, through deploys, and end with either', async () => {
    const telling = (who: string) => evaluating(`\`${who} \${req.url} \${req.headers["x-forwarded-prefix"] ?? "-"}\``)
    const [one, two] = [await berth.repository(telling('one')), await berth.repository(telling('two'))]
    const root = await createApp(berth, one, 'root')
    const part = await createApp(berth, two, 'part')
    for (const repo of [one, two]) expect((await repo.push()).code).to.equal(0)
    const host = berth.config.appHost(root)
    await berth.succeed('domains:add', host, '--path', '/api', '--strip', '-a', part)
    const ask = async (path: string) => (await berth.curl(root, path, '--path-as-is')).body
    expect(
      await becomes(
        () => ask('/api/x?y'),
        (said) => said.startsWith('two'),
      ),
    ).to.equal('two /x?y /api')
    expect(await ask('/apiary')).to.equal('one /apiary -')
    expect((await berth.curl(root, '/api/%2e%2e/x', '--path-as-is')).status).to.equal(400)
    await two.commit({ 'more.txt': 'x' })
    expect((await two.push()).code).to.equal(0)
    expect(await ask('/api/x')).to.equal('two /x /api')
    expect((await berth.succeed('domains', '-a', root)).stdout).to.include(`led to ${part}`)
    await berth.succeed('domains:remove', host, '--path', '/api', '-a', part)
    await becomes(
      () => ask('/api/x'),
      (said) => said === 'one /api/x -',
    )
    await berth.succeed('domains:add', host, '--path', '/api', '-a', part)
    await becomes(
      () => ask('/api/x'),
      (said) => said === 'two /api/x -',
    )
    await berth.succeed('apps:destroy', '-a', part, '--confirm', part)
    await becomes(
      () => ask('/api/x'),
      (said) => said === 'one /api/x -',
    )
  })

  it('go to the same process by a cookie, of all that there are', async () => {
    const repo = await berth.repository(evaluating('require("os").hostname()'))
    const app = await createApp(berth, repo, 'sticky')
    expect((await repo.push()).code).to.equal(0)
    await berth.succeed('ps:scale', 'web=3', '-a', app)
    await berth.succeed('routing:set', 'sticky=on', '-a', app)
    const set = await becomes(
      async () => /^set-cookie: ([^;]+)/im.exec((await berth.curl(app, '/', '-i')).body)?.[1],
      (cookie) => cookie !== undefined,
    )
    const who = async () => (await berth.curl(app, '/', '-H', `cookie: ${set ?? ''}`)).body
    const mine = await who()
    for (let at = 0; at < 6; at++) expect(await who()).to.equal(mine)
    const others = new Set<string>()
    for (let at = 0; at < 6; at++) others.add((await berth.curl(app)).body)
    expect(others.size).to.equal(3)
  })

  it('go by gRPC to an app that speaks it, and lose no call while it is deployed', async () => {
    const repo = await berth.repository(speaking)
    const app = await createApp(berth, repo, 'talk')
    await berth.succeed('routing:set', 'protocol=h2c', '-a', app)
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    using client = grpcClient(berth.config.httpPort, { host: berth.config.appHost(app) })
    const say = () => answered((done) => client.say('hello', done))
    const first = await say()
    expect([first.code, first.text]).to.satisfy(
      ([code, text]: [number, string]) => code === 0 && /^hello \d+ 127/.test(text),
    )
    const deploy = { isOver: false }
    const codes: number[] = []
    const calls = (async () => {
      while (!deploy.isOver) codes.push((await say()).code)
    })()
    await repo.commit({ 'more.txt': 'x' })
    const again = await repo.push()
    deploy.isOver = true
    await calls
    expect(again.code, again.stderr).to.equal(0)
    expect(codes.filter((code) => code !== 0)).to.deep.equal([])
    expect(codes.length).to.be.greaterThan(10)
  })
})
