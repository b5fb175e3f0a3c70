import { expect } from 'chai'
import { archive } from '../../engine/images/lab.js'
import { openBuilderLab, succeeded, type BuilderLab, type Context } from './builder-lab.js'
import { oracle } from './harness.js'

const base = 'FROM debian:bookworm-slim\n'

describe('docker build', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())

  const ok = async (files: Context, ...args: string[]): Promise<string> =>
    succeeded(await lab.build(files, '-t', 'built', ...args))
  const okByBuildKit = async (files: Context, ...args: string[]): Promise<string> =>
    succeeded(await lab.buildkit(files, '-t', 'built', ...args))
  const inspect = async (field: string): Promise<unknown> =>
    JSON.parse(await lab.must('image', 'inspect', '--format', `{{json ${field}}}`, 'built'))

  it('says what the classic builder says, and names the image', async () => {
    const said = await ok({ Dockerfile: `${base}RUN echo hi > /x\nCMD ["cat", "/x"]\n` })
    const id = String(await inspect('.Id'))
    expect(said).to.match(/^Step 1\/3 : FROM debian:bookworm-slim\n ---> [0-9a-f]{12}\n/m)
    expect(said).to.match(/Step 2\/3 : RUN echo hi > \/x\n ---> Running in [0-9a-f]{12}\n/)
    expect(said).to.include(`Successfully built ${id.slice(7, 19)}\nSuccessfully tagged built:latest\n`)
    expect(await inspect('.Config.Cmd')).to.deep.equal(['cat', '/x'])
    expect(await lab.read('built', '/x')).to.equal('hi\n')
  })

  it('says nothing but the id with -q', async () => {
    const { stdout } = await lab.build({ Dockerfile: `${base}RUN true\n` }, '-q')
    expect(stdout).to.match(/^sha256:[0-9a-f]{64}\n$/)
  })

  it('runs the shell form, the JSON form and another shell', async () => {
    const run = [
      'RUN echo "$HOME" > /shell',
      'RUN ["touch", "/json $HOME"]',
      'SHELL ["/bin/bash", "-euo", "pipefail", "-c"]',
      'RUN [[ a == a ]] && echo $BASH > /bash',
    ]
    await ok({ Dockerfile: base + run.join('\n') })
    expect(await lab.read('built', '/json $HOME')).to.equal('')
    expect(await lab.read('built', '/bash')).to.equal('/bin/bash\n')
  })

  it('runs and copies heredocs', async function () {
    if (oracle) this.skip() // BuildKit has them from Dockerfile 1.4 on
    const steps = [
      'RUN <<EOF',
      'echo one > /heredoc',
      'echo two >> /heredoc',
      'EOF',
      'RUN cat <<A > /cat && tr a-z A-Z <<B >> /cat',
      'first $PATH',
      'A',
      'second',
      'B',
      'RUN <<EOF',
      '#!/usr/bin/perl',
      'open(F, ">", "/perl"); print F "perl";',
      'EOF',
      'COPY <<one <<"two" /here/',
      'home $HOMEX',
      'one',
      'kept $HOMEX',
      'two',
    ]
    await ok({ Dockerfile: `${base}ENV HOMEX=set\n${steps.join('\n')}\n` })
    expect(await lab.read('built', '/heredoc')).to.equal('one\ntwo\n')
    expect(await lab.read('built', '/cat')).to.match(/^first \/usr.*\nSECOND\n$/)
    expect(await lab.read('built', '/perl')).to.equal('perl')
    expect(await lab.read('built', '/here/one')).to.equal('home set\n')
    expect(await lab.read('built', '/here/two')).to.equal('kept $HOMEX\n')
  })

  it('runs any number of steps that change nothing, and containers on them', async () => {
    await ok({ Dockerfile: `${base}RUN true\nRUN echo 1 > /x\nRUN rm /x\nRUN :\nRUN echo 1 > /x\nRUN echo 3\n` })
    expect(await lab.read('built', '/x')).to.equal('1\n')
    const { stdout } = await lab.docker('run', '--rm', '--network', 'none', 'built', 'cat', '/x')
    expect(stdout).to.equal('1\n')
  })

  it('copies with owners, modes, globs and links', async () => {
    const dockerfile = [
      'WORKDIR /app',
      'COPY *.json a/ ./',
      'COPY --chown=www-data:7 --chmod=600 x.json owned',
      'COPY link /followed',
      'COPY ["with blank", "/to a/"]',
      'RUN stat -c "%U:%g %a" owned > /stat',
    ]
    await okByBuildKit({
      Dockerfile: base + dockerfile.join('\n'),
      'x.json': 'X',
      'y.json': 'Y',
      'a/b/c': 'C',
      'a/l': '-> b/c',
      link: '-> x.json',
      'with blank': 'blank',
    })
    expect(await lab.read('built', '/app/y.json')).to.equal('Y')
    expect(await lab.read('built', '/app/b/c')).to.equal('C')
    expect(await lab.read('built', '/app/l')).to.equal('-> b/c')
    expect(await lab.read('built', '/stat')).to.equal('www-data:7 600\n')
    expect(await lab.read('built', '/followed')).to.equal('X')
    expect(await lab.read('built', '/to a/with blank')).to.equal('blank')
  })

  it('builds only the stages it needs, and copies between them', async () => {
    const said = await okByBuildKit({
      Dockerfile: `${base.trim()} AS one\nRUN echo 1 > /one && chown 5 /one\n${base.trim()} AS unneeded\nRUN false\nFROM one AS two\nRUN echo 2 > /two\nFROM scratch\nCOPY --from=two /one /two /\nCOPY --from=0 /etc/debian_version /v\nCOPY --from=debian:bookworm-slim /etc/hostname /h\n`,
    })
    expect(said).to.not.include('RUN false')
    if (!oracle) expect(said).to.include('Step 8/8') // BuildKit counts a stage's own
    expect(await lab.read('built', '/two')).to.equal('2\n')
    expect(await lab.read('built', '/v')).to.match(/^12/)
    const target = await ok({ Dockerfile: `${base.trim()} AS a\nRUN true\nFROM a\nRUN false` }, '--target', 'a')
    expect(target).to.not.include('RUN false')
  })

  it('keeps settings', async () => {
    const settings = [
      'ENV A=1 B="$A x"',
      'ENV C $A${D:-none}',
      'ENV A=2',
      'LABEL one=1 "two words"=2',
      'EXPOSE 80 53/udp 9000-9001',
      'VOLUME /data ["ignored"]',
      'USER www-data:www-data',
      'WORKDIR /a',
      'WORKDIR b/../c',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=2s --retries=3 CMD curl -f localhost',
      'CMD base',
      'ENTRYPOINT ["entry"]',
      'ONBUILD RUN true',
    ]
    await ok({ Dockerfile: base + settings.join('\n') }, '--label', 'cli=yes')
    const config = (await inspect('.Config')) as Record<string, unknown>
    expect(config.Env).to.include.members(['A=2', 'B= x', 'C=1none'])
    expect(config).to.deep.include({
      Labels: { one: '1', 'two words': '2', cli: 'yes' },
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9000/tcp': {}, '9001/tcp': {} },
      User: 'www-data:www-data',
      WorkingDir: '/a/c',
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 2e9, Retries: 3 },
      Cmd: ['/bin/sh', '-c', 'base'],
      Entrypoint: ['entry'],
      OnBuild: ['RUN true'],
    })
    expect(await lab.read('built', '/a/c')).to.equal('a directory')
  })

  it('forgets the CMD of a base whose ENTRYPOINT it replaces, and runs its ONBUILD triggers', async () => {
    await lab.build(
      { Dockerfile: `${base}CMD base\nONBUILD COPY x /triggered\nONBUILD RUN cat /triggered\n` },
      '-t',
      'trigger',
    )
    const said = await ok({ Dockerfile: 'FROM trigger\nENTRYPOINT ["e"]\n', x: 'X' })
    expect(said).to.include('# Executing 2 build triggers')
    expect(await lab.read('built', '/triggered')).to.equal('X')
    expect(await inspect('.Config.Cmd')).to.equal(null)
    expect(await inspect('.Config.OnBuild')).to.equal(null)
  })

  it('gives arguments to their scope alone', async () => {
    const dockerfile = `ARG TAG=none\nARG V=global\nFROM debian:\${TAG}\nRUN echo "$V" > /before\nARG V\nARG W=\${V}-w\nRUN echo "$V $W $http_proxy" > /after\nFROM debian:bookworm-slim\nCOPY --from=0 /before /after /\nRUN echo "[$V]" > /next\n`
    const said = await ok(
      { Dockerfile: dockerfile },
      ...['TAG=bookworm-slim', 'http_proxy=p', 'NOBODY=1'].flatMap((arg) => ['--build-arg', arg]),
    )
    expect(await lab.read('built', '/before')).to.equal('\n')
    expect(await lab.read('built', '/after')).to.equal('global global-w p\n')
    expect(await lab.read('built', '/next')).to.equal('[]\n')
    expect(said).to.include('[Warning] One or more build-args [NOBODY] were not consumed')
  })

  it('keeps caches between builds and out of layers; binds and tmpfs leave nothing', async () => {
    const dockerfile = (n: number) =>
      `${base}RUN --mount=type=cache,target=/var/tmp/deep/cache --mount=type=bind,target=/src --mount=type=tmpfs,target=/scratch echo ${String(n)} >> /var/tmp/deep/cache/log && cp /var/tmp/deep/cache/log /log && cat /src/x && touch /scratch/y\n`
    await okByBuildKit({ Dockerfile: dockerfile(1), x: 'X' })
    await okByBuildKit({ Dockerfile: dockerfile(2), x: 'X' })
    expect(await lab.read('built', '/log')).to.equal('1\n2\n')
    if (oracle) return // BuildKit takes what it mounted on away from Docker 23 on
    for (const path of ['/var/tmp/deep', '/src', '/scratch'])
      expect(await lab.read('built', path), path).to.equal(undefined)
  })

  it('writes through to the disk in containers, and in steps when they are over', async function () {
    if (oracle) this.skip() // dockerd's steps write through
    const root = `awk '$2 == "/" { print $4 }' /proc/mounts`
    await ok({ Dockerfile: `${base}RUN ${root} > /options\n` })
    const options = (await lab.read('built', '/options')) ?? ''
    expect(options).to.match(/[,=]volatile/) // `fsync=volatile` on newer kernels
    const { stdout } = await lab.docker('run', '--rm', 'built', 'sh', '-c', root)
    expect(stdout)
      .to.match(/upperdir=/)
      .and.not.to.match(/volatile/)
  })

  it('lends the host’s trust and variables to RUN, and to nothing else', async function () {
    if (oracle) this.skip() // Berth's own
    const dockerfile = `${base}RUN echo "$LENT_BY_HOST $NODE_EXTRA_CA_CERTS" && test -s $SSL_CERT_FILE && grep registries /.cargo/config.toml && touch /done\nENV SSL_CERT_FILE=/own\nRUN test $SSL_CERT_FILE = /own\n`
    const said = await ok({ Dockerfile: dockerfile }, '--no-cache')
    expect(said).to.include('lent /dev/berth/ca-certificates.crt')
    expect(await lab.read('built', '/dev/berth')).to.equal(undefined)
    expect(await lab.read('built', '/.cargo')).to.equal(undefined)
    const { stdout } = await lab.docker('history', '--no-trunc', 'built')
    expect(JSON.stringify(await inspect('.')) + stdout)
      .to.not.include('LENT_BY_HOST=')
      .and.not.include('/dev/berth')
  })

  it('unpacks local archives with ADD, within the image', async () => {
    const bytes = archive([
      { name: 'bin/tool', content: 'tool' },
      { name: 'evil', type: 'symlink', linkname: '/etc' },
      { name: 'evil/inside', content: 'inside' },
    ])
    await ok({ Dockerfile: `${base}ADD a.tar /\nADD plain /plain/\n`, 'a.tar': bytes.toString('latin1'), plain: 'p' })
    expect(await lab.read('built', '/usr/bin/tool')).to.equal('tool')
    expect(await lab.read('built', '/etc/inside')).to.equal('inside')
    expect(await lab.read('built', '/bin')).to.equal('-> usr/bin')
    expect(await lab.read('built', '/plain/plain')).to.equal('p')
  })

  it('leaves out what .dockerignore names', async () => {
    const files = {
      Dockerfile: `${base}COPY . /c\n`,
      '.dockerignore': 'secret\n**/*.log\n!keep.log\n',
      secret: 's',
      'd/x.log': 'x',
      'keep.log': 'k',
    }
    await ok(files)
    expect(await lab.read('built', '/c/secret')).to.equal(undefined)
    expect(await lab.read('built', '/c/d/x.log')).to.equal(undefined)
    expect(await lab.read('built', '/c/keep.log')).to.equal('k')
    const { code, stderr } = await lab.build({ ...files, Dockerfile: `${base}COPY secret /x\n` })
    expect(code).to.equal(1)
    if (oracle) expect(stderr).to.match(/COPY failed: .*secret: file does not exist/)
    else expect(stderr).to.include('Dockerfile:2:6: COPY failed: "secret": file does not exist')
  })

  describe('the cache', () => {
    const files = (code: string): Record<string, string> => ({
      Dockerfile: `${base}WORKDIR /app\nCOPY package.json ./\nRUN date +%N > /when\nCOPY . .\n`,
      'package.json': '{}',
      code,
    })
    const when = () => lab.read('built', '/when')

    it('gives the same image of the same things, a change only its own steps, over a restart', async () => {
      await ok(files('1'))
      const [first, id] = [await when(), await inspect('.Id')]
      const again = await ok(files('1'))
      expect(again.match(/Using cache/g)).to.have.length(4)
      expect(await inspect('.Id')).to.equal(id)
      await lab.restart()
      const changed = await ok(files('2'))
      expect(changed.match(/Using cache/g)).to.have.length(3)
      expect(await when()).to.equal(first)
      expect(await lab.read('built', '/app/code')).to.equal('2')
      await ok({ ...files('2'), 'package.json': '{ }' })
      expect(await when()).to.not.equal(first)
    })

    it('is passed over with --no-cache', async () => {
      await ok(files('1'))
      const first = await when()
      await ok(files('1'), '--no-cache')
      expect(await when()).to.not.equal(first)
    })

    it('keeps arguments apart', async () => {
      const dockerfile = `${base}ARG V\nRUN echo $V > /v\n`
      await ok({ Dockerfile: dockerfile }, '--build-arg', 'V=1')
      await ok({ Dockerfile: dockerfile }, '--build-arg', 'V=2')
      expect(await lab.read('built', '/v')).to.equal('2\n')
    })

    it('can be pruned, images staying whole', async () => {
      await okByBuildKit(files('1'))
      await lab.must('builder', 'prune', '-af')
      await lab.buildkit({ Dockerfile: `${base}RUN head -c 100000 /dev/zero > /big\nRUN false\n` })
      expect(await lab.must('builder', 'prune', '-af')).to.match(/Total reclaimed space: 1\d\d(\.\d+)?kB/)
      expect(await when()).to.match(/^\d+\n$/)
    })
  })
})
