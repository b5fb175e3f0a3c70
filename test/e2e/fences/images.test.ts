import { expect } from 'chai'
import { gzipSync } from 'node:zlib'
import { archive, type Entry } from '../../engine/images/lab.js'
import { patience } from '../../patience.js'
import { openEngine, type TestEngine } from '../engine/harness.js'
import { configuration, imageArchive, type Outside, sha256, watchOutside } from './hostile.js'

describe('a hostile image', function () {
  if (process.getuid?.() !== 0) return
  let engine: TestEngine
  let outside: Outside
  before(async () => {
    engine = await openEngine()
    outside = await watchOutside(engine)
  })
  after(() => engine[Symbol.asyncDispose]())
  after(() => outside[Symbol.asyncDispose]())
  afterEach(() => outside.untouched())
  afterEach(() => engine.docker('rmi', '-f', 'hostile:1')) // what a test that failed left would fail all others

  const load = (bytes: Buffer) => engine.with({ input: bytes }, 'load')
  const bring = (bytes: Buffer) => engine.with({ input: bytes }, 'import', '-', 'hostile:1')
  /** It is refused in words that name neither a bug nor a path of the host, and nothing is kept. */
  const refuses = async (asked: Promise<{ code: number | null; stdout: string; stderr: string }>, words: RegExp) => {
    const { code, stdout, stderr } = await asked
    expect(code, stdout).to.equal(1)
    expect(stdout + stderr)
      .to.match(words)
      .and.not.to.include(engine.dir)
    expect(await engine.must('images', '-q', 'hostile')).to.equal('')
  }
  /** The names in an image, and what one of them holds. */
  const holds = async (name: string): Promise<string[]> => {
    const id = await engine.must('create', 'hostile:1', '/x')
    const { stdout } = await engine.run('sh', ['-c', `docker cp ${id}:${name} - | tar tf -`])
    await engine.must('rm', id)
    return stdout.trim().split('\n')
  }

  describe('with a layer', () => {
    const table: readonly (readonly [what: string, entries: () => Entry[], words: RegExp])[] = [
      ['whose file lies above it', () => [{ name: '../escaped' }], /points out of the archive/],
      ['whose file lies above it, roundabout', () => [{ name: 'a/../../escaped' }], /points out of the archive/],
      ['that links to a file above', () => linkTo('../../../../etc/passwd'), /points out of the archive/],
      ['that links to a file of the host', () => linkTo('/etc/passwd'), /which is no file/],
      [
        'that links to a file through a symbolic link',
        () => [{ name: 's', type: 'symlink', linkname: outside.path }, ...linkTo('s/victim')],
        /which is no file/,
      ],
      ['that deletes what holds it', () => [{ name: '.wh...' }], /invalid whiteout name/],
      ['that deletes what holds a directory', () => [{ name: 'd/.wh...' }], /invalid whiteout name/],
      ['that deletes itself', () => [{ name: '.wh..' }], /invalid whiteout name/],
      ['that deletes nothing', () => [{ name: 'd/.wh.' }], /invalid whiteout name/],
      ['that deletes above', () => [{ name: '../.wh.etc' }], /points out of the archive/],
      ['with a name too long', () => [{ name: 'n'.repeat(300) }], /ENAMETOOLONG|too long/],
      ['with a path too long', () => [{ name: 'd/'.repeat(3000) }], /longer than 4096 bytes/],
      ['with an endless link', () => [{ name: 'l', type: 'symlink', linkname: 't'.repeat(4200) }], /longer than 4096/],
      ['with a link to nothing', () => [{ name: 'l', type: 'symlink', linkname: '' }], /cannot unpack "l"/],
      [
        'with links in a circle',
        () => [symlink('a', 'b'), symlink('b', 'a'), { name: 'a/x' }],
        /too many levels of symbolic links/,
      ],
      ['with a device that cannot be', () => [{ name: 'dev', type: 'block', minor: 0o7777777 }], /cannot be/],
    ]
    for (const [what, entries, words] of table)
      it(`${what} is refused`, async () => {
        const layer = archive(entries())
        await refuses(load(imageArchive('hostile:1', [layer])), words)
        await refuses(bring(layer), words)
      })

    it('with more names for a file than a file may have is refused', async () => {
      const names = Array.from({ length: 65_100 }, (_, n) => ({ name: `l${String(n)}`, ...link, linkname: 'f' }))
      await refuses(bring(archive([{ name: 'f' }, ...names])), /EMLINK/)
    })

    it('that comes twice with a file is refused when it must stay what it is, else the last wins', async () => {
      const layer = archive([
        { name: 'f', content: 'first' },
        { name: 'f', content: 'last' },
      ])
      await refuses(load(imageArchive('hostile:1', [layer])), /duplicates of file paths not supported/)
      expect((await bring(layer)).code).to.equal(0)
      const id = await engine.must('create', 'hostile:1', '/x')
      expect((await engine.run('sh', ['-c', `docker cp ${id}:/f - | tar xOf -`])).stdout).to.equal('last')
      await engine.must('rm', id)
      await engine.must('rmi', 'hostile:1')
    })

    it('whose links lead out writes and deletes inside', async () => {
      const layer = archive([
        symlink('out', outside.path),
        symlink('up', '../../../../../..'),
        symlink('dangling', '/nowhere'),
        { name: 'out/made', content: 'x' },
        { name: 'out/.wh.victim' },
        { name: 'out/.wh..wh..opq' },
        { name: 'up/top', content: 'x' },
        { name: 'dangling/x', content: 'x' },
        { name: '/absolute', content: 'x' },
      ])
      for (const brought of [() => load(imageArchive('hostile:1', [layer])), () => bring(layer)]) {
        expect((await brought()).code).to.equal(0)
        expect(await holds(`${outside.path}/made`)).to.deep.equal(['made'])
        expect(await holds('/top')).to.deep.equal(['top'])
        expect(await holds('/nowhere/x')).to.deep.equal(['x'])
        expect(await holds('/absolute')).to.deep.equal(['absolute'])
        await engine.must('rmi', 'hostile:1')
      }
    })

    it('as deep as a path can be takes no longer than a flat one', async () => {
      const entries = Array.from({ length: 50 }, (_, n) => ({ name: `${'d/'.repeat(1500)}${String(n)}`, content: 'x' }))
      const before = performance.now()
      const { code, stderr } = await bring(archive(entries))
      expect(code, stderr).to.equal(0)
      expect(performance.now() - before).to.be.lessThan(10_000 * patience)
      await engine.must('rmi', 'hostile:1')
    })

    it('cut off in the middle, compressed or not, is refused', async () => {
      const random = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7919) % 251))
      const layer = archive([{ name: 'f', content: random }])
      await refuses(bring(layer.subarray(0, 50_000)), /ends in the middle/)
      await refuses(bring(gzipSync(layer).subarray(0, 500)), /cannot decompress gzip data/)
      await refuses(load(gzipSync(imageArchive('hostile:1', [layer])).subarray(0, 500)), /cannot decompress gzip data/)
      for (const program of ['xz', 'bzip2', 'zstd']) {
        const { stdout } = await engine.run('sh', ['-c', `${program} -c | head -c 300 | base64`], { input: layer })
        await refuses(bring(Buffer.from(stdout, 'base64')), new RegExp(`cannot decompress ${program} data`))
      }
    })

    it('that xz needs half a gigabyte to read is refused', async () => {
      // to write it so takes less than six times that
      const { stdout } = await engine.run('sh', ['-c', 'xz --lzma2=preset=0,dict=512MiB -c | base64'], {
        input: archive([{ name: 'f', content: 'x' }]),
      })
      await refuses(bring(Buffer.from(stdout, 'base64')), /cannot decompress xz data/)
    })

    it('in a configuration of 125 works, in one of more is refused, and none can be put on top', async () => {
      const layers = Array.from({ length: 128 }, (_, n) => archive([{ name: `f${String(n)}`, content: String(n) }]))
      for (const count of [126, 128])
        await refuses(load(imageArchive('hostile:1', layers.slice(0, count))), /max depth exceeded/)
      expect((await load(imageArchive('hostile:1', layers.slice(0, 125)))).code).to.equal(0)
      expect(await holds('/f0')).to.deep.equal(['f0'])
      expect(await holds('/f124')).to.deep.equal(['f124'])
      const more = archive([
        { name: 'Dockerfile', content: 'FROM hostile:1\nCOPY f /more\n' },
        { name: 'f', content: 'x' },
      ])
      const { code, stdout, stderr } = await engine.with({ input: more }, 'build', '-t', 'hostile:2', '-')
      expect(code).to.equal(1)
      expect(stdout + stderr).to.match(/max depth exceeded/)
      const id = await engine.must('create', 'hostile:1', '/x')
      await engine.with({ input: archive([{ name: 'more' }]) }, 'cp', '-', `${id}:/`)
      expect((await engine.docker('commit', id, 'hostile:2')).stderr).to.match(/max depth exceeded/)
      await engine.must('rm', id)
      await engine.must('rmi', 'hostile:1')
    })
  })

  describe('with a configuration', () => {
    const layer = archive([{ name: 'x', content: 'x' }])
    const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`
    const named = (over: object) => imageArchive('hostile:1', [layer], configuration([layer], over))

    for (const [setting, value] of Object.entries({
      User: 5,
      WorkingDir: {},
      Env: 'A=b',
      Cmd: [1],
      Entrypoint: {},
      Shell: 'sh',
      ExposedPorts: [80],
      Volumes: { '/v': 7 },
      Labels: { a: { b: 1 } },
      StopSignal: 9,
      Healthcheck: { Test: 'true' },
      OnBuild: [null],
    }))
      it(`whose ${setting} is none is refused`, () =>
        refuses(load(named({ config: { [setting]: value } })), new RegExp(`config.${setting} is malformed`)))

    it('with a history that is none is refused', () =>
      refuses(load(named({ history: [{ created_by: 5 }] })), /created_by in its history is malformed/))

    it('nested without end is refused, and images can be listed', async () => {
      const text = configuration([layer]).toString().replace('{', `{"more":${deep},`)
      await refuses(load(imageArchive('hostile:1', [layer], Buffer.from(text))), /nested too deeply/)
      expect((await engine.docker('images')).code).to.equal(0)
    })

    it('that is larger than any is refused', () =>
      refuses(load(named({ more: 'x'.repeat(5_000_000) })), /larger than 4194304 bytes/))

    it('whose volumes and directory lead out stays inside', async () => {
      const config = {
        Cmd: ['/x'],
        WorkingDir: '../../../../etc/made-by-berth',
        Volumes: { '/../../../etc/vol-by-berth': {} },
      }
      await load(named({ config }))
      const { code, stderr } = await engine.docker('run', '--rm', 'hostile:1')
      expect(code).to.not.equal(0) // there is no program in it
      expect(stderr).to.not.include(engine.dir)
      await engine.must('rmi', 'hostile:1')
    })
  })

  describe('with a manifest', () => {
    const layer = archive([{ name: 'x', content: 'x' }])
    const index = (inside: Buffer) =>
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          manifests: [
            {
              mediaType: 'application/vnd.oci.image.index.v1+json',
              digest: `sha256:${sha256(inside)}`,
              size: inside.length,
              platform: { os: 'linux', architecture: 'amd64' },
            },
          ],
        }),
      )
    const blob = (bytes: Buffer) => ({ name: `blobs/sha256/${sha256(bytes)}`, content: bytes })

    it('that is an index in an index in an index, too deep, is refused', async () => {
      const indexes = [index(Buffer.from('{}'))]
      while (indexes.length < 8) indexes.push(index(indexes.at(-1) ?? Buffer.alloc(0)))
      const layout = archive([...indexes.map(blob), { name: 'index.json', content: indexes.at(-1) ?? '' }])
      await refuses(load(layout), /too deep or in a loop/)
    })

    it('that says it is in itself is refused', async () => {
      const name = `blobs/sha256/${'0'.repeat(64)}`
      const self = index(Buffer.from('')).toString().replace(sha256(''), '0'.repeat(64))
      await refuses(
        load(
          archive([
            { name, content: self },
            { name: 'index.json', content: self },
          ]),
        ),
        /is damaged/,
      )
    })

    it('of a thousand images and one is refused', async () => {
      const one = { Config: 'config.json', RepoTags: null, Layers: ['0.tar'] }
      const many = JSON.stringify(Array.from({ length: 1001 }, () => one))
      const config = configuration([layer]).toString()
      const entries = [
        { name: 'manifest.json', content: many },
        { name: 'config.json', content: config },
      ]
      await refuses(load(archive(entries)), /it is no list of images/)
    })
  })
})

const symlink = (name: string, linkname: string): Entry => ({ name, type: 'symlink', linkname })
const link = { type: 'link' } as const
const linkTo = (linkname: string): Entry[] => [{ name: 'l', ...link, linkname }]
