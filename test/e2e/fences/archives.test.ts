import { expect } from 'chai'
import { existsSync, statSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { base, openEngine, type TestEngine } from '../engine/harness.js'
import { imageArchive, mostMemory, type Outside, watchOutside } from './hostile.js'

describe('a hostile archive', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(240_000)
  let engine: TestEngine
  let outside: Outside
  before(async () => {
    engine = await openEngine({ disk: '400m' })
  })
  after(() => engine[Symbol.asyncDispose]())

  describe('put into a container', () => {
    before(async () => {
      await engine.must('run', '-d', '--name', 'open', base, 'sleep', '1000')
    })
    after(() => engine.must('rm', '-f', 'open'))
    const put = (bytes: Buffer, at = 'open:/tmp') => engine.with({ input: bytes }, 'cp', '-', at)

    it('with a disk of the host makes a node that nobody can open', async () => {
      const { dev } = statSync('/')
      const disk = { name: 'disk', type: 'block', mode: 0o666, major: dev >> 8, minor: dev & 0xff } as const
      expect((await put(archive([disk]))).code).to.equal(0)
      const read = 'head -c 1 /tmp/disk 2>&1; echo $?'
      expect(await engine.must('exec', 'open', 'sh', '-c', read)).to.match(/(Permission denied|not permitted)\n1$/)
      await engine.must('commit', 'open', 'device:1')
      expect(await engine.must('run', '--rm', 'device:1', 'sh', '-c', read)).to.match(
        /(Permission denied|not permitted)\n1$/,
      )
      await engine.must('rmi', 'device:1')
    })

    it('whose links lead out writes inside', async () => {
      const name = `berth-${String(process.pid)}`
      const bytes = archive([
        { name: 'etc', type: 'symlink', linkname: '/etc' },
        { name: `etc/${name}`, content: 'x' },
        { name: 'up', type: 'symlink', linkname: '../../../../../..' },
        { name: `up/root/${name}`, content: 'x' },
      ])
      expect((await put(bytes)).code).to.equal(0)
      expect(await engine.must('exec', 'open', 'cat', `/etc/${name}`, `/root/${name}`)).to.equal('xx')
      for (const host of [`/etc/${name}`, `/root/${name}`]) expect(existsSync(host), host).to.equal(false)
      expect((await put(archive([{ name: `../${name}` }]))).stderr).to.match(/points out of the archive/)
      expect((await put(archive([{ name: 'l', type: 'link', linkname: '../etc/shadow' }]))).stderr).to.match(
        /points out/,
      )
    })
  })

  describe('of many times its size', () => {
    before(async () => (outside = await watchOutside(engine)))
    after(() => outside[Symbol.asyncDispose]())
    afterEach(() => outside.untouched())

    /** 1 GiB of zeros in 1 MB. */
    const zeros = (): Buffer => {
      const size = 1 << 30
      const head = archive([{ name: 'zeros', size }]).subarray(0, 512)
      const chunk = Buffer.alloc(64 << 20)
      return Buffer.concat([gzipSync(head), ...Array.from({ length: 16 }, () => gzipSync(chunk, { level: 1 }))])
    }
    const full = async (asked: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
      const { code, stdout, stderr } = await asked
      expect(code).to.equal(1)
      expect(stdout + stderr).to.match(/no space left on device/i)
    }

    it('fills no memory, and of the disk nothing stays', async () => {
      const bomb = zeros()
      expect(bomb.length).to.be.lessThan(10 << 20)
      await full(engine.with({ input: bomb, timeoutMs: 120_000 }, 'import', '-', 'bomb:1'))
      await full(engine.with({ input: bomb, timeoutMs: 120_000 }, 'build', '-'))
      await full(engine.with({ input: imageArchive('bomb:1', [bomb]), timeoutMs: 120_000 }, 'load'))
      await engine.must('create', '--name', 'still', base, 'true')
      await full(engine.with({ input: bomb, timeoutMs: 120_000 }, 'cp', '-', 'still:/tmp'))
      await engine.must('rm', 'still')
      expect(await engine.must('images', '-q', 'bomb')).to.equal('')
      expect(mostMemory(engine)).to.be.lessThan(600 << 20)
    })
  })
})
