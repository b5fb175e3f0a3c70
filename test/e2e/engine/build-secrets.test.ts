import { expect } from 'chai'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { run } from '../../run.js'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'

const base = 'FROM debian:bookworm-slim\n'
const value = 'hunter2-of-the-build'
const encode = (object: object) => Buffer.from(JSON.stringify(object)).toString('base64url')

describe('secrets of a build', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => {
    lab = await openBuilderLab(undefined, ['--build-ssh'])
    expect((await lab.docker(['pull', 'debian:bookworm-slim'])).code).to.equal(0)
  })
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.headers({}))

  const lend = () => lab.headers({ 'X-Build-Secrets': encode({ token: Buffer.from(value).toString('base64') }) })
  const build = async (run: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.build({ Dockerfile: base + run }, '-t', 'built', '--no-cache')
    expect(code, `${stdout}\n${stderr}`).to.equal(0)
    return stdout
  }

  it('are a file in memory, 0400, and are in no file of the engine, and masked in the log', async () => {
    await lend()
    const said = await build(
      `RUN --mount=type=secret,id=token stat -c '%a %u %s' /run/secrets/token; stat -f -c %T /run/secrets/token; cat /run/secrets/token; sha256sum < /run/secrets/token > /sum\n`,
    )
    expect(said)
      .to.include(`400 0 ${String(value.length)}\ntmpfs\n***`)
      .and.not.include(value)
    expect(await lab.read('built', '/sum')).to.match(/^[0-9a-f]{64}/)
    expect(await lab.read('built', '/run/secrets')).to.equal(undefined)
    const { stdout: history } = await lab.docker(['history', '--no-trunc', 'built'])
    expect(history).to.not.include(value)
    const { stdout: files } = await run('grep', ['-rlaF', value, dirname(lab.root), '--exclude=config.json'])
    expect(files).to.equal('')
  })

  it('are a variable, a chosen place, mode and owner when asked to', async () => {
    await lend()
    await build(
      `RUN --mount=type=secret,id=token,env=TOKEN test "$TOKEN" = "${value.slice(0, 7)}"-of-the-build && test ! -e /run/secrets/token\nRUN --mount=type=secret,id=token,target=/root/t,mode=0440,uid=7,gid=8 stat -c '%a %u %g' /root/t > /stat\nRUN test ! -e /root/t\n`,
    )
    expect(await lab.read('built', '/stat')).to.equal('440 7 8\n')
  })

  it('are missing quietly, unless they are required', async () => {
    await build('RUN --mount=type=secret,id=other test ! -e /run/secrets/other\n')
    const { stderr, code } = await lab.build({
      Dockerfile: `${base}RUN --mount=type=secret,id=other,required=true true\n`,
    })
    expect(code).to.equal(1)
    expect(stderr).to.include('Dockerfile:2:5: secret other: not found')
  })

  it('decide nothing about the cache', async () => {
    const dockerfile = { Dockerfile: `${base}RUN --mount=type=secret,id=token date +%N > /cached\n` }
    await lend()
    await lab.build(dockerfile, '-t', 'built')
    await lab.headers({ 'X-Build-Secrets': encode({ token: Buffer.from('another').toString('base64') }) })
    expect((await lab.build(dockerfile, '-t', 'built')).stdout).to.include('Using cache')
  })

  it('that are malformed are refused, without being repeated', async () => {
    await lab.headers({ 'X-Build-Secrets': encode({ token: 7 }) })
    const { stderr } = await lab.build({ Dockerfile: base })
    expect(stderr).to.include('invalid X-Build-Secrets header')
  })

  it('lend an agent through a socket of the step’s own', async () => {
    const path = join(dirname(lab.root), 'agent.sock')
    const agent = createServer((socket) => socket.end('agent speaks\n')).listen(path)
    await once(agent, 'listening')
    try {
      await lab.headers({ 'X-Build-Ssh': encode({ default: path }) })
      const said = await build(
        `RUN --mount=type=ssh perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK})->getline'\n`,
      )
      expect(said).to.include('agent speaks')
      await lab.headers({})
      const { stderr } = await lab.build({ Dockerfile: `${base}RUN --mount=type=ssh,required true\n` })
      expect(stderr).to.include('no SSH key "default" forwarded')
    } finally {
      agent.close()
    }
  })
})
