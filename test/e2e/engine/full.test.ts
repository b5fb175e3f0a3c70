import { expect } from 'chai'
import { statfsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import type { Outcome } from '../../run.js'
import { wrongIn } from './check-lab.js'
import { base, eventually, openEngine, oracle, type TestEngine } from './harness.js'
import { makeImage, openRegistry } from './registry-lab.js'

describe('an engine whose disk is full', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let engine: TestEngine
  /** The engine's root as its own mount namespace has it. */
  let root: string
  let host: string
  let registry: AsyncDisposable
  let input: Buffer

  before(async () => {
    engine = await openEngine({ disk: '200m' })
    root = join(`/proc/${engine.pid()}/root`, engine.dir, 'root')
    const opened = await openRegistry(engine)
    ;[registry, host] = [opened, opened.host]
    await makeImage(engine, `${host}/far:1`, 'far '.repeat(1_000_000))
    await engine.must('push', '-q', `${host}/far:1`)
    await engine.must('save', '-o', join(engine.dir, 'near.tar'), `${host}/far:1`)
    await engine.must('rmi', `${host}/far:1`)
    input = archive([
      { name: 'Dockerfile', content: `FROM ${base}\nRUN head -c 3000000 /dev/zero > /z\nVOLUME /usr/lib/apt\n` },
    ])
    expect((await engine.with({ input }, 'build', '-q', '-t', 'volumes', '-')).code).to.equal(0)
    await engine.must('run', '-d', '--name', 'runs', base, 'sleep', '1000')
    await engine.must('run', '--name', 'wrote', base, 'sh', '-c', 'head -c 8000000 /dev/urandom > /w')
  })
  after(async () => {
    await registry[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
  })

  /** Takes all of the disk but some bytes, for as long as `work` takes. */
  const withOnly = async (left: number, work: () => Promise<void>): Promise<void> => {
    const ballast = join(root, 'cache-ballast')
    const { bavail, bsize } = statfsSync(root)
    const bytes = Math.max(0, bavail * bsize - left)
    await engine.run('fallocate', ['-l', String(bytes), ballast])
    try {
      await work()
    } finally {
      await rm(ballast)
    }
    expect(await wrongIn({ dir: `/proc/${engine.pid()}/root${engine.dir}` })).to.deep.equal([])
  }
  const refuses = ({ code, stdout, stderr }: Outcome): void => {
    expect(code, stdout).to.not.equal(0)
    expect(stdout + stderr).to.match(/no space left/i)
  }
  const mebibyte = 2 ** 20

  it('refuses a pull, and pulls when there is room', async () => {
    await withOnly(2 * mebibyte, async () => {
      refuses(await engine.docker('pull', `${host}/far:1`))
      expect(await engine.must('images', '-q', `${host}/far`)).to.equal('')
    })
    await engine.must('pull', '-q', `${host}/far:1`)
    await engine.must('rmi', `${host}/far:1`)
  })

  it('refuses a load, and loads when there is room', async () => {
    await withOnly(2 * mebibyte, async () => {
      refuses(await engine.docker('load', '-i', join(engine.dir, 'near.tar')))
      expect(await engine.must('images', '-q', `${host}/far`)).to.equal('')
    })
    await engine.must('load', '-i', join(engine.dir, 'near.tar'))
    await engine.must('rmi', `${host}/far:1`)
  })

  it('refuses a commit, and commits when there is room', async () => {
    await withOnly(2 * mebibyte, async () => {
      refuses(await engine.docker('commit', 'wrote', 'committed'))
      expect(await engine.must('images', '-qa', 'committed')).to.equal('')
    })
    await engine.must('commit', 'wrote', 'committed')
    await engine.must('rmi', 'committed')
  })

  it('refuses a container, its volumes and its name, and makes them when there is room', async () => {
    const volumes = await engine.must('volume', 'ls', '-q')
    await withOnly(0, async () => {
      refuses(await engine.docker('create', '--name', 'new', base, 'true'))
      refuses(await engine.docker('volume', 'create', 'new'))
      refuses(await engine.docker('network', 'create', 'new'))
      refuses(await engine.docker('tag', base, 'new'))
    })
    expect(await engine.must('ps', '-aq', '--filter', 'name=new')).to.equal('')
    expect(await engine.must('volume', 'ls', '-q')).to.equal(volumes)
    await engine.must('create', '--name', 'new', base, 'true')
    await engine.must('rm', 'new')
  })

  it('fills a new volume whole, or refuses the container and leaves the volume empty', async () => {
    const volumes = await engine.must('volume', 'ls', '-q')
    await withOnly(200 * 1024, async () => {
      refuses(
        await engine.docker('create', '--name', 'fills', '-v', 'named:/usr/lib/x86_64-linux-gnu', 'volumes', 'true'),
      )
      expect(await engine.must('ps', '-aq', '--filter', 'name=fills')).to.equal('')
    })
    // the one with a name may be there, and is filled by the next
    const list = 'ls -R /usr/lib/x86_64-linux-gnu | wc -l'
    const filled = await engine.must('run', '--rm', '-v', 'named:/usr/lib/x86_64-linux-gnu', base, 'sh', '-c', list)
    expect(filled).to.equal(await engine.must('run', '--rm', base, 'sh', '-c', list))
    await engine.must('volume', 'rm', 'named')
    expect(await engine.must('volume', 'ls', '-q')).to.equal(volumes)
  })

  it('runs on what runs, shows its log, and lets it be looked into and stopped', async () => {
    const talk = 'while :; do head -c 500 /dev/zero | tr "\\0" x; echo; sleep 0.01; done'
    await engine.must('run', '-d', '--name', 'talks', base, 'sh', '-c', talk)
    const lines = async (): Promise<number> => (await engine.must('logs', 'talks')).split('\n').length
    await eventually(async () => (await lines()) > 1, 'a line of the log')
    await withOnly(0, async () => {
      const running = async (name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Running}}', name)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      expect(await running('talks')).to.equal('true')
      expect(await lines()).to.be.greaterThan(1) // the last of them may be cut off where the room ended
      expect(await engine.must('exec', 'runs', 'echo', 'hi')).to.equal('hi')
    })
    const before = await lines()
    await eventually(async () => (await lines()) > before, 'another line of the log')
    await engine.must('rm', '-f', 'talks')
  })

  it('takes away containers, volumes, networks and images: that is how there is room again', async () => {
    await engine.must('create', '--name', 'goes', '-v', '/nameless', 'volumes', 'true')
    await engine.must('run', '-d', '--name', 'ends', base, 'sleep', '1000')
    await engine.must('volume', 'create', 'goes')
    await engine.must('network', 'create', 'goes')
    await makeImage(engine, 'goes', 'goes')
    await withOnly(0, async () => {
      await engine.must('rm', '-fv', 'ends', 'goes')
      await engine.must('volume', 'rm', 'goes')
      await engine.must('network', 'rm', 'goes')
      await engine.must('rmi', 'goes')
    })
    await engine.must('image', 'prune', '-af')
  })
})
