import { expect } from 'chai'
import { existsSync, statSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { patience } from '../../patience.js'
import { base, openEngine, type TestEngine } from '../engine/harness.js'
import { imageArchive, mostMemory, type Outside, slowestAnswer, watchOutside } from './hostile.js'

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

  it('of 100,000 files takes little memory as a layer and as a context, and holds nobody up', async () => {
    const files = Array.from({ length: 100_000 }, (_, n) => ({ name: `d${String(n % 100)}/${String(n)}` }))
    const bytes = archive([{ name: 'Dockerfile', content: 'FROM scratch\nLABEL a=b\n' }, ...files])
    const before = mostMemory(engine)
    for (const words of [
      ['import', '-', 'many:1'],
      ['build', '-q', '-t', 'many:1', '-'],
    ]) {
      const asked = engine.with({ input: bytes, timeoutMs: 120_000 }, ...words)
      expect(await slowestAnswer(engine, asked)).to.be.lessThan(2_000 * patience)
      expect((await asked).code).to.equal(0)
      await engine.must('rmi', 'many:1')
    }
    expect(mostMemory(engine) - before).to.be.lessThan(200 << 20)
  })

  describe('of files that are not there', () => {
    before(async () => (outside = await watchOutside(engine)))
    after(async () => {
      await outside.untouched()
      await outside[Symbol.asyncDispose]()
    })

    const huge = (size: number) => archive([{ name: 'huge', size }]).subarray(0, -1024)
    const wide = (size: Buffer) => patched(huge(0), 124, size)
    const pax = (records: Readonly<Record<string, string>>) => {
      const lines = Object.entries(records).map(([key, value]) => {
        const line = ` ${key}=${value}\n`
        return `${String(line.length + 2)}${line}`
      })
      const header = archive([{ name: 'pax', content: lines.join('') }]).subarray(0, -1024)
      return Buffer.concat([patched(header, 156, Buffer.from('x')), archive([{ name: 'huge', content: 'x' }])])
    }
    const table: Readonly<Record<string, readonly [bytes: Buffer, words: RegExp]>> = {
      'a terabyte': [huge(2 ** 40), /ends in the middle/],
      'a terabyte, in GNU’s way': [wide(Buffer.from('800000000000010000000000', 'hex')), /ends in the middle/],
      '8 EiB': [wide(Buffer.from('800000007fffffffffffffff', 'hex')), /claims 9223372036854776000 bytes/],
      '8 EiB, by a record': [pax({ size: String(2n ** 63n - 1n) }), /claims 9223372036854776000 bytes/],
      'less than nothing': [wide(Buffer.alloc(12, 0xff)), /claims -1 bytes/],
      'a terabyte of holes': [patched(huge(0), 156, Buffer.from('S')), /entry type "S" is not supported/],
      'a terabyte of holes, 0.0': [
        pax({ 'GNU.sparse.size': String(2 ** 40), 'GNU.sparse.numblocks': '0' }),
        /sparse files are not supported/,
      ],
      'a terabyte of holes, 0.1': [
        pax({ 'GNU.sparse.size': String(2 ** 40), 'GNU.sparse.map': '0,0' }),
        /sparse files are not supported/,
      ],
      'a terabyte of holes, 1.0': [
        pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': String(2 ** 40) }),
        /sparse files are not supported/,
      ],
    }
    for (const [what, [bytes, words]] of Object.entries(table))
      it(`${what}, is refused at once`, async () => {
        await engine.must('create', '--name', 'still', base, 'true')
        for (const asked of [
          engine.with({ input: bytes }, 'import', '-', 'huge:1'),
          engine.with({ input: imageArchive('huge:1', [bytes]) }, 'load'),
          engine.with({ input: bytes }, 'cp', '-', 'still:/tmp'),
        ]) {
          const { code, stdout, stderr } = await asked
          expect(code).to.equal(1)
          expect(stdout + stderr).to.match(words)
        }
        await engine.must('rm', 'still')
        expect(await engine.must('images', '-q', 'huge')).to.equal('')
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

/** A header with other bytes at a place, and the sum that is right for them. */
function patched(header: Buffer, at: number, bytes: Buffer): Buffer {
  const made = Buffer.from(header)
  bytes.copy(made, at)
  made.fill(' ', 148, 156)
  const sum = made.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  made.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return made
}
