import { expect } from 'chai'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import { wrongIn } from '../engine/check-lab.js'
import { base, openEngine, type TestEngine } from '../engine/harness.js'

/** Debian's files in one layer, none of which gives its caller anything. */
const plainly = `FROM ${base} AS all
RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +
FROM scratch
COPY --from=all / /
`

const look = ['grep', '-h', '^NoNewPrivs:', '/proc/1/status', '/proc/self/status']

describe('new privileges', function () {
  if (process.getuid?.() !== 0) return
  let engine: TestEngine
  before(async () => {
    engine = await openEngine()
    const context = archive([{ name: 'Dockerfile', content: plainly }])
    const { code, stdout, stderr } = await engine.with({ input: context }, 'build', '-t', 'plain', '-')
    expect(code, stdout + stderr).to.equal(0)
  })
  after(async () => {
    const wrong = await wrongIn(engine)
    await engine[Symbol.asyncDispose]()
    expect(wrong).to.deep.equal([])
  })
  afterEach(() => engine.clear())

  /** What a container's first process and one that is run in it later have: `0` or `1` each. */
  const barred = async (image: string, flags: readonly string[] = [], exec: readonly string[] = []) => {
    const id = await engine.must('run', '-d', ...flags, image, 'sleep', '600')
    return (await engine.must('exec', ...exec, id, ...look)).replace(/\D/g, '')
  }
  /** Makes an image of a container of another in which root ran a script. */
  const commit = async (image: string, script: string, name: string) => {
    await engine.must('run', '--name', name, image, 'sh', '-c', script)
    await engine.must('commit', name, name)
  }

  it('are had by nobody where no program of the image gives any, and inspect shows what was asked for', async () => {
    expect(await barred('plain')).to.equal('11')
    expect(await barred('plain', ['-u', '1000', '--userns', 'host'], ['-u', '0'])).to.equal('11')
    const id = await engine.must('create', 'plain', 'true')
    expect(await engine.must('inspect', '-f', '{{json .HostConfig.SecurityOpt}}', id)).to.equal('null')
  })

  it('are there for an image with setuid programs, which work', async () => {
    expect(await barred(base)).to.equal('00')
    const su = 'passwd -d root >/dev/null; setpriv --reuid 1000 --clear-groups su -c "id -u" root'
    expect(await engine.must('run', '--rm', base, 'sh', '-c', su)).to.equal('0')
  })

  it('are as was asked for by name', async () => {
    const option = (value: string) => ['--security-opt', `no-new-privileges${value}`]
    expect(await barred('plain', option('=false'))).to.equal('00')
    expect(await barred(base, option(''))).to.equal('11')
    expect(await barred(base, option('=true'))).to.equal('11')
    expect(await barred('plain', ['--privileged'])).to.equal('00')
    expect(await barred('plain', ['--privileged', ...option('')])).to.equal('11')
    expect(await barred('plain', [], ['--privileged'])).to.equal('10')
  })

  it('are not had by a program made setuid meanwhile, and are once it is of the image', async () => {
    const make = 'cp /usr/bin/id /as-root && chmod 4755 /as-root'
    await engine.must('run', '-d', '--name', 'aa', 'plain', 'sleep', '600')
    await engine.must('exec', 'aa', 'sh', '-c', make)
    expect(await engine.must('exec', '-u', '1000', 'aa', '/as-root', '-u')).to.equal('1000')
    await engine.must('commit', 'aa', 'made')
    expect(await barred('made')).to.equal('00')
    expect(await engine.must('run', '--rm', '-u', '1000', 'made', '/as-root', '-u')).to.equal('0')
    // what a layer above hides counts as there
    const above = archive([{ name: 'Dockerfile', content: 'FROM made\nRUN rm /as-root\n' }])
    expect((await engine.with({ input: above }, 'build', '-t', 'above', '-')).code).to.equal(0)
    expect(await barred('above')).to.equal('00')
  })

  it('come with capabilities of a file, and with the bit of a group; not with what nobody can run', async () => {
    // setxattr(2) by number, x86-64: a capability of revision 2, CAP_NET_RAW
    const value = 'pack("VVVVV", 0x02000001, 1 << 13, 0, 0, 0)'
    const set = 'syscall(188, $f = "/f", $n = "security.capability", $v, 20, 0)'
    const given = `perl -e '$v = ${value}; exit(${set} != 0)'`
    await commit('plain', `cp /usr/bin/id /f && ${given}`, 'capable')
    expect(await barred('capable')).to.equal('00')
    await commit('plain', 'cp /usr/bin/id /f && chmod 2755 /f', 'grouped')
    expect(await barred('grouped')).to.equal('00')
    await commit('plain', 'cp /usr/bin/id /f && chmod 4644 /f && mkdir -m 2777 /d', 'harmless')
    expect(await barred('harmless')).to.equal('11')
  })

  it('are known of an image that was saved and loaded, and by the next daemon', async () => {
    await commit('plain', 'cp /usr/bin/id /f && chmod 4755 /f', 'other')
    await engine.clear()
    const load =
      'docker save plain other > saved.tar && docker rmi -f $(docker images -q | sort -u) && docker load -i saved.tar'
    const { code, stderr } = await engine.run('sh', ['-c', load], { cwd: engine.dir })
    expect(code, stderr).to.equal(0)
    expect(await barred('plain')).to.equal('11')
    expect(await barred('other')).to.equal('00')
    await engine.stop('SIGKILL')
    await engine.boot()
    expect(await barred('plain')).to.equal('11')
  })

  it('are there where an older engine did not look', async () => {
    await engine.stop('SIGTERM')
    const layers = join(engine.dir, 'root/images/layers')
    for (const name of readdirSync(layers).filter((name) => name.endsWith('.json'))) {
      const { diffId, size } = JSON.parse(readFileSync(join(layers, name), 'utf8')) as Record<string, unknown>
      writeFileSync(join(layers, name), JSON.stringify({ diffId, size }))
    }
    await engine.boot()
    expect(await barred('plain')).to.equal('00')
  })
})
