import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { archive } from '../../engine/images/lab.js'
import { makeDeep } from '../../engine/system/hostile.js'
import { must } from '../../run.js'
import { checkRoot } from './check-lab.js'
import { base, eventually, openEngine, oracle, type TestEngine } from './harness.js'

/** Makes directories in each other, more than a path can name, and a file in the last. */
const nest = (levels: number): string =>
  `for (1..${levels}) { mkdir "d" or die $!; chdir "d" or die $! } open F, ">f"; print F "deep"`
const levels = 2200

describe('trees that are deeper than a path can be long', function () {
  if (process.getuid?.() !== 0 || oracle) return
  this.timeout(240_000)
  let engine: TestEngine
  let root: string
  before(async () => {
    engine = await openEngine()
    root = join(engine.dir, 'root')
  })
  after(() => engine[Symbol.asyncDispose]())
  const perl = (script: string, directory: string): string[] => [
    'sh',
    '-c',
    `cd ${directory} && exec perl -e '${script}'`,
  ]
  const build = async (tag: string, dockerfile: string): Promise<void> => {
    const input = archive([{ name: 'Dockerfile', content: dockerfile }])
    const { code, stderr } = await engine.with({ input }, 'build', '-q', '-t', tag, '-')
    expect(code, stderr).to.equal(0)
  }
  /** Levels below the `d` of an archive. */
  const depthIn = async (archived: string): Promise<number> =>
    Number(await must('sh', ['-c', `tar --list --file ${archived} | tr -cd '/\\n' | wc -L`]))

  it('in a container and its volume are measured, told, packed, committed and removed', async () => {
    const [layer, volume] = [perl(nest(levels), '/srv'), perl(nest(levels), '/v')].map((words) => words[2] ?? '')
    await engine.must('run', '--name', 'deep', '-v', 'deep:/v', base, 'sh', '-c', `(${layer}); (${volume})`)
    expect(await engine.must('ps', '-as', '--format', '{{.Size}}')).to.match(/^\d/)
    const { Volumes } = (await new Docker({ socketPath: engine.socket }).df()) as {
      Volumes: { Name: string; UsageData: { Size: number } }[]
    }
    expect(Volumes.find(({ Name }) => Name === 'deep')?.UsageData.Size).to.be.greaterThan(levels * 4096)
    expect((await engine.must('diff', 'deep')).split('\n').length).to.be.greaterThan(levels)
    const copied = join(engine.dir, 'copied.tar')
    await must('sh', ['-c', `DOCKER_HOST=unix://${engine.socket} docker cp deep:/srv/d - > ${copied}`])
    expect(await depthIn(copied)).to.be.at.least(levels)
    const exported = join(engine.dir, 'exported.tar')
    await engine.must('export', '-o', exported, 'deep')
    expect(await depthIn(exported)).to.be.at.least(levels)
    await engine.must('commit', 'deep', 'committed')
    const walk = perl('1 while chdir "d"; exec "cat", "f"', '/srv')
    expect(await engine.must('run', '--rm', 'committed', ...walk)).to.equal('deep')
    await engine.must('rm', '-f', 'deep')
    await engine.must('volume', 'rm', 'deep')
    expect(readdirSync(join(root, 'containers'))).to.be.empty
    expect(readdirSync(join(root, 'volumes'))).to.be.empty
    await engine.must('rmi', 'committed')
  })

  it('of a build step are a layer, which is copied, fills volumes, is checked and goes', async () => {
    const step = `RUN mkdir /v && cd /v && perl -e '${nest(levels)}'`
    await build('deep', `FROM ${base} AS one\n${step}\nFROM ${base}\nCOPY --from=one /v /v\nVOLUME /v\n`)
    const walk = perl('1 while chdir "d"; exec "cat", "f"', '/v')
    expect(await engine.must('run', '--rm', '-v', 'filled:/v', 'deep', ...walk)).to.equal('deep')
    await engine.must('system', 'df', '-v')
    await engine.must('save', '-o', join(engine.dir, 'saved.tar'), 'deep')
    await engine.stop('SIGTERM')
    const { report } = await checkRoot(root)
    expect(report.findings).to.deep.equal([])
    await engine.boot()
    await engine.must('rmi', 'deep')
    await engine.must('volume', 'rm', 'filled')
    await engine.must('builder', 'prune', '-af')
    expect(readdirSync(join(root, 'images/staging'))).to.be.empty
  })

  it('that an engine left when it was killed keep none from starting, and go', async () => {
    await engine.stop('SIGKILL')
    const left = [
      join(root, 'containers', randomBytes(32).toString('hex')),
      join(root, 'volumes', '.half'),
      join(root, 'images/staging', randomBytes(12).toString('hex')),
      join(root, 'images/layers', randomBytes(32).toString('hex')),
      join(root, 'build/mounts', 'private-x'),
      join(root, 'build/cache', 'stray'),
      join(engine.dir, 'run/b/x'),
    ]
    for (const directory of left) {
      mkdirSync(directory, { recursive: true })
      makeDeep(directory, levels)
    }
    await engine.boot()
    expect(await engine.must('ps', '-q')).to.equal('')
    await eventually(() => Promise.resolve(left.every((directory) => !existsSync(directory))), 'the removal')
  })

  it('do not keep an engine from being destroyed, nor the one after from starting', async () => {
    await engine.must('run', '-d', '--name', 'lives', base, ...perl(`${nest(levels)}; sleep 1000`, '/srv'))
    await engine.stop('SIGTERM')
    makeDeep(join(root, 'containers'), levels, 'e'.repeat(64))
    await engine.destroy()
    await engine.boot()
    await engine.must('rm', '-f', 'lives')
    await engine.must('system', 'prune', '-af', '--volumes')
  })

  it('of 10,000 levels and of 50,000 names do not hold up the engine while they are removed', async () => {
    const wide = 'for (1..50000) { open F, ">$_" or die $! }'
    await engine.must('run', '--name', 'vast', base, ...perl(nest(10_000), '/srv'))
    await engine.must('run', '--name', 'wide', base, ...perl(wide, '/srv'))
    const docker = new Docker({ socketPath: engine.socket })
    const over = new AbortController()
    const removal = engine.must('rm', 'vast', 'wide').finally(() => over.abort())
    let longest = 0
    while (!over.signal.aborted) {
      const since = performance.now()
      await docker.ping()
      longest = Math.max(longest, performance.now() - since)
    }
    await removal
    expect(longest).to.be.lessThan(1500)
  })
})
