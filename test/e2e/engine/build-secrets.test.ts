import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { must, run } from '../../run.js'
import { encode, openBuilderLab, succeeded, type BuilderLab } from './builder-lab.js'
import { oracle } from './harness.js'
import { end } from './registry-lab.js'

const base = 'FROM debian:bookworm-slim\n'
const value = 'hunter2-of-the-build'

describe('secrets of a build', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab({ flags: ['--build-ssh'] })))
  after(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.lend({}))

  const lend = () => lab.lend({ token: value })
  const build = async (run: string): Promise<string> =>
    succeeded(await lab.buildkit({ Dockerfile: base + run }, '-t', 'built', '--no-cache'))

  it('are a file in memory, 0400, and are in no file of the engine', async () => {
    await lend()
    const said = await build(
      `RUN --mount=type=secret,id=token stat -c '%a %u %s' /run/secrets/token; stat -f -c %T /run/secrets/token; sha256sum < /run/secrets/token > /sum\n`,
    )
    expect(said).to.match(new RegExp(`400 0 ${String(value.length)}\\n.*tmpfs\\n`))
    expect(await lab.read('built', '/sum')).to.match(/^[0-9a-f]{64}/)
    expect((await lab.read('built', '/run/secrets/token')) ?? '').to.equal('')
    if (!oracle) expect(await lab.read('built', '/run/secrets')).to.equal(undefined)
    const { stdout: history } = await lab.docker('history', '--no-trunc', 'built')
    expect(history).to.not.include(value)
    const { stdout: files } = await run('grep', ['-rlaF', value, lab.dir, '--exclude=config.json'])
    expect(files).to.equal('')
  })

  it('are masked in the log', async function () {
    if (oracle) this.skip() // BuildKit does not mask what a command prints
    await lend()
    const said = await build('RUN --mount=type=secret,id=token cat /run/secrets/token; echo :\n')
    expect(said).to.include('***:').and.not.include(value)
  })

  it('are a variable when asked to', async function () {
    if (oracle) this.skip() // BuildKit has env= from Dockerfile 1.10 on
    await lend()
    await build(
      `RUN --mount=type=secret,id=token,env=TOKEN test "$TOKEN" = "${value.slice(0, 7)}"-of-the-build && test ! -e /run/secrets/token\n`,
    )
  })

  it('have a chosen place, mode and owner when asked to', async () => {
    await lend()
    await build(
      `RUN --mount=type=secret,id=token,target=/root/t,mode=0440,uid=7,gid=8 stat -c '%a %u %g' /root/t > /stat\nRUN test ! -e /root/t\n`,
    )
    expect(await lab.read('built', '/stat')).to.equal('440 7 8\n')
  })

  it('are missing quietly, unless they are required', async () => {
    await build('RUN --mount=type=secret,id=other test ! -e /run/secrets/other\n')
    const { stderr, code } = await lab.buildkit({
      Dockerfile: `${base}RUN --mount=type=secret,id=other,required=true true\n`,
    })
    expect(code).to.equal(1)
    expect(stderr).to.include(oracle ? 'secret other not found' : 'Dockerfile:2:5: secret other: not found')
  })

  it('decide nothing about the cache', async () => {
    const dockerfile = { Dockerfile: `${base}RUN --mount=type=secret,id=token date +%N > /cached\n` }
    await lend()
    await lab.buildkit(dockerfile, '-t', 'built')
    const first = await lab.read('built', '/cached')
    await lab.lend({ token: 'another' })
    succeeded(await lab.buildkit(dockerfile, '-t', 'built'))
    expect(await lab.read('built', '/cached')).to.equal(first)
  })

  it('that are malformed are refused, without being repeated', async function () {
    if (oracle) this.skip() // Berth's own header
    await lab.headers({ 'X-Build-Secrets': encode({ token: 7 }) })
    const { stderr } = await lab.build({ Dockerfile: base })
    expect(stderr).to.include('invalid X-Build-Secrets header')
  })

  it('lend an agent through a socket of the step’s own', async () => {
    const path = join(lab.dir, 'agent.sock')
    const key = join(lab.dir, 'key')
    await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'key of the test', '-f', key])
    const agent = spawn('ssh-agent', ['-D', '-a', path], { stdio: 'pipe' })
    await once(agent.stdout, 'data')
    await must('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: path } })
    try {
      await lab.lend({}, path)
      // asks for the identities: draft-ietf-sshm-ssh-agent, section 3.5
      const ask =
        'my $s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}); syswrite $s, pack("NC", 1, 11); sysread $s, $_, 4096; print'
      expect(await build(`RUN --mount=type=ssh perl -MIO::Socket::UNIX -e '${ask}'\n`)).to.include('key of the test')
      await lab.lend({})
      const { stderr } = await lab.buildkit({ Dockerfile: `${base}RUN --mount=type=ssh,required true\n` })
      expect(stderr).to.match(/no SSH key "(default)?" forwarded/)
    } finally {
      await end(agent)
    }
  })
})
