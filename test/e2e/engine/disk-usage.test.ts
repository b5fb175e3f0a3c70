import { expect } from 'chai'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { must } from '../../run.js'
import { archive } from '../../engine/images/lab.js'
import { base, openEngine, oracle, type TestEngine } from './harness.js'

/** Of `GET /system/df`, in bytes. */
interface Usage {
  LayersSize: number
  Images: { Size: number; SharedSize: number }[]
  Containers: { SizeRw?: number }[]
  Volumes: { Name: string; UsageData: { Size: number } }[]
  BuildCache: { Shared: boolean; Size: number; Type: string }[]
}

/** A directory or a small file of the engine's own: a block of the disk. */
const block = 4096

describe('what system df tells of the disk', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let engine: TestEngine
  let root: string
  let docker: Docker
  before(async () => {
    engine = await openEngine()
    root = join(engine.dir, 'root')
    docker = new Docker({ socketPath: engine.socket })
  })
  after(() => engine[Symbol.asyncDispose]())

  const du = async (): Promise<number> => {
    await must('sync', ['-f', root])
    return Number((await must('du', ['-s', '--block-size=1', root])).split('\t')[0])
  }
  const df = async (): Promise<Usage> => (await docker.df()) as Usage
  const told = (usage: Usage): number =>
    usage.LayersSize +
    usage.Containers.reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0) +
    usage.Volumes.reduce((sum, { UsageData }) => sum + UsageData.Size, 0) +
    usage.BuildCache.reduce((sum, { Shared, Size }) => sum + (Shared ? 0 : Size), 0)
  const count = (path: string): number => readdirSync(join(root, path)).length

  /** Files that steps of builds borrow: one of each, however many builds there are. */
  const laid = (): number => {
    const files = readdirSync(join(root, 'build/laid'))
    expect(files.length).to.be.at.most(4)
    return files.reduce((sum, name) => sum + statSync(join(root, 'build/laid', name)).blocks * 512, 0)
  }

  /** What no thing is told to have: our directories and their records, a block or two each, and what builds borrow. */
  const bookkeeping = (): number =>
    laid() +
    block *
      (32 +
        count('networks') +
        3 * count('volumes') +
        count('build/cache') +
        2 * count('build/mounts') +
        count('images/layers') / 16)

  const build = async (tag: string, dockerfile: string, change = ''): Promise<void> => {
    const input = archive([
      { name: 'Dockerfile', content: dockerfile },
      { name: 'text', content: 'text\n'.repeat(50_000) },
      { name: 'change', content: change },
    ])
    const { code, stderr } = await engine.with({ input }, 'build', '-q', '-t', tag, '-')
    expect(code, stderr).to.equal(0)
  }

  /** Images that share layers, containers that write and log, volumes, and a build cache. */
  const fill = async (): Promise<void> => {
    const small =
      'RUN for i in 1 2 3 4 5 6 7 8 9; do mkdir -p /s/$i; for j in 1 2 3 4 5 6 7 8 9; do echo $j > /s/$i/$j; done; done'
    await build('one', `FROM ${base}\n${small}\nRUN head -c 5000000 /dev/urandom > /big\n`)
    await build('two', `FROM ${base}\n${small}\nCOPY text /text\n`)
    // layers that have the text in common
    for (const n of ['1', '2', '3']) await build(`common:${n}`, `FROM ${base}\nCOPY text change /c/\n`, n)
    await build('gone', `FROM ${base}\nRUN --mount=type=cache,target=/c head -c 3000000 /dev/urandom | tee /c/x > /x\n`)
    await engine.must('rmi', 'gone')
    const tar = join(engine.dir, 'saved.tar')
    await engine.must('save', '-o', tar, 'two')
    await engine.must('load', '-i', tar)
    const write = 'head -c 4000000 /dev/urandom > /w; head -c 1000000 /dev/zero | tr "\\0" "\\n" | head -n 200000'
    await engine.must('run', '--name', 'writes', '-v', 'kept:/kept', 'one', 'sh', '-c', `${write}; cp /w /kept`)
    await engine.must(
      'run',
      '-d',
      '--name',
      'runs',
      '-v',
      '/nameless',
      'two',
      'sh',
      '-c',
      'cp /text /nameless; sleep 300',
    )
    await engine.must('network', 'create', 'net')
  }

  it('is all of it: images, containers, volumes and build cache, and a block for each record', async () => {
    await fill()
    const [all, usage] = [await du(), await df()]
    const unsaid = all - told(usage)
    expect(unsaid, JSON.stringify({ all, told: told(usage) })).to.be.within(0, bookkeeping())
    const [writes] = usage.Containers.filter(({ SizeRw = 0 }) => SizeRw > 3_000_000)
    expect(writes?.SizeRw).to.be.within(4_000_000 + 400_000, 4_000_000 + 20_000_000)
  })

  it('has files that layers have in common once on the disk', async () => {
    const inodes = (
      await must('find', [join(root, 'images/layers'), '-path', '*/c/text', '-printf', '%i %n\\n'])
    ).split('\n')
    expect(new Set(inodes).size).to.equal(1)
    expect(inodes[0]).to.match(/ 3$/)
    expect(await engine.must('run', '--rm', 'common:3', 'wc', '-c', '/c/text')).to.include('250000')
  })

  it('is what a prune sets free, to a block for each record, kind by kind', async () => {
    await engine.must('rm', '-f', 'runs')
    const step = async (what: string, bytes: () => Promise<number>): Promise<void> => {
      const before = await du()
      const reclaimed = await bytes()
      expect(before - (await du()) - reclaimed, `${what}: told ${reclaimed}`).to.be.within(-8 * block, bookkeeping())
    }
    await step('containers', async () => (await docker.pruneContainers()).SpaceReclaimed)
    await step('volumes', async () => {
      const { SpaceReclaimed } = await docker.pruneVolumes({ filters: { all: ['true'] } })
      expect(SpaceReclaimed).to.be.greaterThan(4_000_000)
      return SpaceReclaimed
    })
    await step('images', async () => {
      const { SpaceReclaimed } = await docker.pruneImages({ filters: { dangling: ['false'] } })
      return SpaceReclaimed
    })
    await step('build cache', async () => {
      const { SpaceReclaimed } = await docker.pruneBuilder()
      return SpaceReclaimed
    })
  })

  it('is next to nothing after system prune, as when the engine was new', async () => {
    await engine.must('network', 'rm', 'net')
    await engine.must('pull', '-q', base)
    await fill()
    await engine.must('rm', '-f', 'runs')
    const before = await du()
    const said = await engine.must('system', 'prune', '-af', '--volumes')
    await engine.must('volume', 'prune', '-af')
    const [, number = '', unit = ''] = /Total reclaimed space: ([\d.]+)(kB|MB|GB)/.exec(said) ?? []
    const reclaimed = Number(number) * ({ kB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? 0)
    const after = await du()
    // a volume with a name is not the system prune's; docker shows four digits
    expect(before - after).to.be.within(reclaimed * 0.995 + 4_000_000, reclaimed * 1.005 + 4_000_000 + bookkeeping())
    expect(after).to.be.lessThan(64 * block)
    const usage = await df()
    expect(told(usage)).to.equal(0)
  })
})
