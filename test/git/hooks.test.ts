import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { loadConfig, type Config } from '../../src/config.js'
import { hooksDirectory, installHooks } from '../../src/git/hooks.js'
import { pushIdOf } from '../../src/git/pushes.js'
import { run } from '../run.js'

describe('the hooks of a repository', () => {
  let dir: string
  let config: Config
  let server: Server | undefined
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-hooks-'))
    config = loadConfig({ BERTH_ROOT: join(dir, "o'brien's root"), BERTH_RUN: join(dir, "o'brien's run") })
    await mkdir(dirname(config.apiSocket), { recursive: true })
  })
  afterEach(async () => {
    server?.close()
    server?.closeAllConnections()
    server = undefined
    await rm(dir, { recursive: true, force: true })
  })

  it('prove themselves with a secret that stays, and that nobody else reads', async () => {
    const secret = await installHooks(config)
    expect(await installHooks(config)).to.equal(secret)
    const file = join(hooksDirectory(config), 'secret')
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).to.deep.equal([`Berth-Hook: ${secret}\n`, 0o600])
    for (const torn of ['', 'Berth-']) {
      await writeFile(file, torn)
      expect(await installHooks(config))
        .to.match(/^[\w-]{43}$/)
        .and.not.equal(secret)
    }
  })

  /** Answers hooks, each in its turn; what they asked. */
  const answering = async (...answers: RequestListener[]) => {
    const asked: { path: string; query: Record<string, string>; secret: unknown; body: string }[] = []
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      const answer = answers[Math.min(asked.length, answers.length - 1)]
      void text(request).then(
        (body) => {
          const query = Object.fromEntries(url.searchParams)
          asked.push({ path: url.pathname, query, secret: request.headers['berth-hook'], body })
          answer?.(request, response)
        },
        () => undefined,
      )
    }).listen(config.apiSocket)
    await once(server, 'listening')
    return asked
  }
  const say =
    (words: string): RequestListener =>
    (_, response) =>
      response.end(words)
  const status =
    (code: number): RequestListener =>
    (_, response) =>
      response.writeHead(code).end()
  const inPieces =
    (...pieces: string[]): RequestListener =>
    (_, response) => {
      for (const piece of pieces) response.write(piece)
      response.end()
    }
  const hangUp: RequestListener = (request) => request.socket.destroy()
  const breakOff: RequestListener = (request, response) => {
    response.write('deploying\n', () => request.socket.destroy())
  }
  const hook = async (name: string, input: string) => {
    const cwd = join(dir, 'app1.git')
    await mkdir(cwd, { recursive: true })
    return run(join(hooksDirectory(config), name), [], {
      cwd,
      input,
      env: { PATH: process.env.PATH, GIT_OBJECT_DIRECTORY: '/quarantine' },
    })
  }
  const commands = `${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/main\n`

  it('hand the push over, pass on what is said, and take it when it was deployed', async () => {
    const secret = await installHooks(config)
    const asked = await answering(inPieces('deploying\n', 'x'.repeat(200_000), '\n'), status(204))
    const stdout = `deploying\n${'x'.repeat(200_000)}\n`
    expect(await hook('pre-receive', commands)).to.deep.equal({ code: 0, stdout, stderr: '' })
    const query = { repository: 'app1.git', push: await pushIdOf(process.pid) }
    expect(asked).to.deep.equal([
      {
        path: '/internal/pre-receive',
        query: { ...query, again: '0' },
        secret,
        body: `objects /quarantine\n${commands}`,
      },
      { path: '/internal/verdict', query, secret, body: '' },
    ])
  })

  it('refuse it when it was not', async () => {
    await installHooks(config)
    await answering(say('!'), status(409))
    expect((await hook('pre-receive', commands)).code).to.equal(1)
  })

  it('ask again when the api process died over either question', async () => {
    await installHooks(config)
    const endings = { 'pre-receive': [hangUp, breakOff, say('')], verdict: [hangUp, hangUp, status(503), status(204)] }
    const asked = await answering((request, response) => {
      const left = endings[request.url?.includes('/verdict') === true ? 'verdict' : 'pre-receive']
      const answer = left.length > 1 ? left.shift() : left[0]
      answer?.(request, response)
    })
    expect((await hook('pre-receive', commands)).code).to.equal(0)
    const again = asked.filter(({ path }) => path === '/internal/pre-receive').map(({ query }) => query.again)
    expect(again.slice(0, 4)).to.deep.equal(['0', '1', '1', '1'])
    expect(asked.length - again.length).to.equal(4)
  })

  it('give git the answer that was left to its last question, and read all that it says', async () => {
    await installHooks(config)
    const input = 'x'.repeat(200_000)
    expect(await hook('proc-receive', input)).to.include({ code: 1, stdout: '' })
    const push = join(dir, 'app1.git', 'berth', (await pushIdOf(process.pid)) ?? '')
    await mkdir(push, { recursive: true })
    await writeFile(join(push, 'answer'), '000eversion=1\n0000')
    expect(await hook('proc-receive', input)).to.deep.equal({ code: 0, stdout: '000eversion=1\n0000', stderr: '' })
  })
})
