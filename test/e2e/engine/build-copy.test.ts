import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { archive } from '../../engine/images/lab.js'
import type { RunOptions } from '../../run.js'
import { at, openBuilderLab, succeeded, type BuilderLab, type Context } from './builder-lab.js'
import { docker, oracle } from './harness.js'
import { openRemotes, type Remotes } from './remotes.js'

const base = 'FROM debian:bookworm-slim\n'
const tarball = archive([
  { name: 'Dockerfile', content: 'FROM scratch\nCOPY f /\n' },
  { name: 'f', content: 'from a tarball' },
])
const files = {
  '': 'a page',
  'plain.txt': 'plain',
  'a.tar.gz': gzipSync(tarball),
  /** dockerd looks at a hundred bytes to know what it is. */
  Dockerfile: `# ${'-'.repeat(100)}\nFROM scratch\nLABEL alone=yes\n`,
}
const sum = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}`

describe('what a build copies', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  let remotes: Remotes
  before(async () => {
    lab = await openBuilderLab()
    remotes = await openRemotes(
      lab,
      files,
      {
        Dockerfile: 'FROM scratch\nCOPY f /\n',
        f: 'main',
        'sub/Dockerfile': 'FROM scratch\nCOPY g /\n',
        'sub/g': 'sub',
      },
      { f: 'other' },
    )
  })
  after(async () => {
    await remotes[Symbol.asyncDispose]()
    await lab[Symbol.asyncDispose]()
  })

  // the servers are on the host's loopback, which is closed to builds but for those
  const onHost = ['--network', 'host']
  const ok = async (context: Context, ...args: string[]): Promise<string> =>
    succeeded(await lab.build(context, '-t', 'built', ...onHost, ...args))
  /** What the API answers to a build of `remote`, which the docker command would fetch itself. */
  const remote = (where: string, query = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const path = `/build?t=built&networkmode=host&remote=${encodeURIComponent(where)}${query}`
      const post = request({ socketPath: lab.socket, path, method: 'POST' }, (response) => {
        text(response).then(resolve, reject)
      })
      post.on('error', reject).end()
    })

  it('COPY --parents keeps directories, from the pivot on, and knows **', async function () {
    if (oracle) this.skip() // BuildKit has it from Dockerfile 1.20 on
    const tree = { 'x/a.txt': '1', 'y/z/b.txt': '2', 'y/z/c.md': '3' }
    await ok({
      ...tree,
      Dockerfile: `${base}COPY --parents x/a.txt y /p/\nCOPY --parents y/./z/b.txt /q/\nCOPY --parents **/*.txt /r/\n`,
    })
    expect(await lab.read('built', '/p/x/a.txt')).to.equal('1')
    expect(await lab.read('built', '/p/y/z/c.md')).to.equal('3')
    expect(await lab.read('built', '/q/z/b.txt')).to.equal('2')
    expect(await lab.read('built', '/r/y/z/b.txt')).to.equal('2')
    expect(await lab.read('built', '/r/y/z/c.md')).to.equal(undefined)
  })

  it('COPY --exclude leaves out, save for exceptions, and what is left out makes nothing stale', async function () {
    if (oracle) this.skip() // BuildKit has it from Dockerfile 1.19 on
    const dockerfile = `${base}COPY --exclude=*.md --exclude=d/* --exclude=!d/keep s /s\nRUN date +%N > /when\n`
    await ok({ Dockerfile: dockerfile, 's/a.md': '1', 's/a.txt': '2', 's/d/drop': '3', 's/d/keep': '4' })
    expect(await lab.read('built', '/s/a.md')).to.equal(undefined)
    expect(await lab.read('built', '/s/a.txt')).to.equal('2')
    expect(await lab.read('built', '/s/d/drop')).to.equal(undefined)
    expect(await lab.read('built', '/s/d/keep')).to.equal('4')
    const again = { Dockerfile: dockerfile, 's/a.md': 'changed', 's/a.txt': '2', 's/d/drop': '5', 's/d/keep': '4' }
    expect((await ok(again)).match(/Using cache/g)).to.have.length(2)
  })

  it('COPY --link is the same layer on another base, follows no link and keeps the directories’ modes', async function () {
    if (oracle) this.skip() // BuildKit has it from Dockerfile 1.4 on
    const dockerfile = (run: string) => `${base}RUN ${run}\nCOPY --link f /tmp/in/f\n`
    await ok({ Dockerfile: dockerfile('echo 1 > /one'), f: 'F' })
    const said = await ok({ Dockerfile: dockerfile('echo 2 > /two'), f: 'F' })
    expect(said.match(/Using cache/g)).to.have.length(1)
    expect(await lab.read('built', '/tmp/in/f')).to.equal('F')
    await ok({
      Dockerfile: `${base}RUN ln -s /etc /l\nCOPY --link f /l/f\nCOPY f /tmp/g\nRUN stat -c %a /tmp > /m\n`,
      f: 'F',
    })
    expect(await lab.read('built', '/m')).to.equal('1777\n')
    expect(await lab.read('built', '/etc/f')).to.equal(undefined)
    expect(await lab.read('built', '/l/f')).to.equal('F')
  })

  it('COPY --chmod takes symbols and variables', async function () {
    if (oracle) this.skip() // BuildKit takes numbers alone until Dockerfile 1.14
    await ok({
      Dockerfile: `${base}ARG M=u=rwX,go=g\nCOPY --chmod=$M --chown=7:8 d /d\nCOPY --chmod=a-w,+x d/f /g\nRUN stat -c '%a %u:%g' /d /d/f /g > /stat\n`,
      'd/f': 'x',
    })
    expect(await lab.read('built', '/stat')).to.match(/^7\d\d 7:8\n6\d\d 7:8\n555 0:0\n$/)
    const { stderr } = await lab.build({ Dockerfile: `${base}COPY --chmod=z+x f /\n`, f: '' })
    expect(stderr).to.include('Dockerfile:2:6: invalid chmod parameter: "z+x"')
  })

  it('ADD fetches files, private and dated, and does not unpack them', async () => {
    await ok({
      Dockerfile: `${base}ADD ${remotes.http}/plain.txt /dir/\nADD ${remotes.http}/a.tar.gz /whole\nRUN stat -c '%a %u %y' /dir/plain.txt > /stat\n`,
    })
    expect(await lab.read('built', '/dir/plain.txt')).to.equal('plain')
    expect(await lab.read('built', '/stat')).to.match(/^600 0 2024-01-02 03:04:05/)
    expect(await lab.read('built', '/whole'))
      .to.be.a('string')
      .and.not.equal('a directory')
    const wrong = async (line: string) => (await lab.build({ Dockerfile: base + line }, ...onHost)).stderr
    expect(await wrong(`ADD ${remotes.http}/none /x\n`))
      .to.include(at('2:5'))
      .and.match(/status (code )?404/)
    expect(await wrong(`ADD ${remotes.http}/ /x/\n`)).to.include('cannot determine filename')
  })

  it('ADD checks a checksum, and unpacks what it fetched when told to', async function () {
    if (oracle) this.skip() // BuildKit has them from Dockerfile 1.6 and 1.17 on
    const right = `ADD --checksum=${sum('plain')} ${remotes.http}/plain.txt /\n`
    await ok({ Dockerfile: `${base}${right}ADD --unpack=true ${remotes.http}/a.tar.gz /parts/\n` })
    expect(await lab.read('built', '/plain.txt')).to.equal('plain')
    expect(await lab.read('built', '/parts/f')).to.equal('from a tarball')
    const wrong = `${base}ADD --checksum=${sum('x')} ${remotes.http}/plain.txt /x\n`
    expect((await lab.build({ Dockerfile: wrong }, ...onHost)).stderr).to.include('digest mismatch')
  })

  it('ADD fetches repositories, their history only when told to', async function () {
    if (oracle) this.skip() // BuildKit has it from Dockerfile 1.6 on
    await ok({
      Dockerfile: `${base}ADD ${remotes.git} /main\nADD ${remotes.git}#other /other\nADD ${remotes.git}#main:sub /sub/\nADD --keep-git-dir=true ${remotes.git}#${await remotes.commit('other')} /kept\n`,
    })
    expect(await lab.read('built', '/main/f')).to.equal('main')
    expect(await lab.read('built', '/main/.git')).to.equal(undefined)
    expect(await lab.read('built', '/other/f')).to.equal('other')
    expect(await lab.read('built', '/sub/g')).to.equal('sub')
    expect(await lab.read('built', '/kept/f')).to.equal('other')
    expect(await lab.read('built', '/kept/.git')).to.equal('a directory')
    const { stderr } = await lab.build({ Dockerfile: `${base}ADD ${remotes.git}#nowhere /x\n` }, ...onHost)
    expect(stderr).to.match(/Dockerfile:2:5: ADD failed: error fetching: .*nowhere/s)
  })

  it('takes a repository, a tarball and a Dockerfile by URL as context', async () => {
    // without a branch dockerd asked for master until 23; since then for the remote's HEAD, as git does
    expect(await remote(oracle ? `${remotes.git}#main` : remotes.git)).to.include('Successfully built')
    expect(await lab.read('built', '/f')).to.equal('main')
    expect(await remote(`${remotes.git}#other`)).to.include('Successfully built')
    expect(await lab.read('built', '/f')).to.equal('other')
    expect(await remote(`${remotes.git}#main:sub`)).to.include('Successfully built')
    expect(await lab.read('built', '/g')).to.equal('sub')
    expect(await remote(`${remotes.http}/a.tar.gz`)).to.include('Successfully built')
    expect(await lab.read('built', '/f')).to.equal('from a tarball')
    expect(await remote(`${remotes.http}/Dockerfile`)).to.include('Successfully built')
    expect((await lab.docker('inspect', '-f', '{{.Config.Labels.alone}}', 'built')).stdout).to.equal('yes\n')
  })

  it('refuses contexts that are not there or not meant to be', async () => {
    expect(await remote('file:///etc')).to.include('could not be recognized as URL')
    expect(await remote(`${remotes.git}#--upload-pack=x`)).to.include('invalid refspec')
    expect(await remote(`${remotes.git}#main:../..`)).to.include('not within git root')
    expect(await remote(`${remotes.git}#main:none`)).to.match(/no (such file or )?directory/)
    expect(await remote(`${remotes.http}/none`)).to.include('status 404')
  })

  it('takes a context from stdin, compressed or a Dockerfile alone, and by URL through the docker command', async () => {
    const built = async (options: RunOptions, ...args: string[]) => {
      const { code, stderr } = await lab.with(options, 'build', '-t', 'built', ...args)
      expect(code, stderr).to.equal(0)
    }
    await built({ input: gzipSync(tarball) }, '-')
    expect(await lab.read('built', '/f')).to.equal('from a tarball')
    await built({ input: 'FROM scratch\nLABEL alone=stdin\n' }, '-')
    expect(await lab.must('inspect', '-f', '{{.Config.Labels.alone}}', 'built')).to.equal('stdin')
    const fetched = await lab.run(docker, ['build', '-t', 'built', `${remotes.git}#other`])
    expect(fetched.code, fetched.stderr).to.equal(0)
    expect(await lab.read('built', '/f')).to.equal('other')
    await built({ cwd: '/etc/apt', input: `${base}COPY apt.conf.d /c\n` }, '-f', '-', '.')
    expect(await lab.read('built', '/c')).to.equal('a directory')
  })
})
