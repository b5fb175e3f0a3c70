import { expect } from 'chai'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { archive } from '../../engine/images/lab.js'
import { checkRoot, wrongIn } from './check-lab.js'
import { base, openEngine, oracle, type TestEngine } from './harness.js'

describe('berth engine:check', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let engine: TestEngine
  let root: string
  /** The layer of `made:1`, packed here, and that of `came:1`, whose archive came from elsewhere. */
  const hex = { made: '', came: '' }

  before(async () => {
    engine = await openEngine()
    root = join(engine.dir, 'root')
    const input = archive([
      {
        name: 'Dockerfile',
        content: `FROM ${base}\nRUN --mount=type=cache,target=/c echo x > /c/x && echo hi > /hi\n`,
      },
    ])
    const built = await engine.with({ input, timeoutMs: 60_000 }, 'build', '-q', '-t', 'made:1', '-')
    expect(built.code, built.stderr).to.equal(0)
    // an image made elsewhere: saved, its name changed by being loaded into nothing we know
    const foreign = archive([
      { name: 'a/deep/file', content: 'content' },
      { name: 'tool', content: '#!/bin/sh\n', mode: 0o755 },
      { name: 'x/../back', content: 'named by a way back' },
      { name: 'y/../hard', type: 'link', linkname: 'z/../back' },
    ])
    await engine.with({ input: foreign }, 'import', '-', 'other:1')
    const tar = join(engine.dir, 'other.tar')
    await engine.must('save', '-o', tar, 'other:1')
    await engine.must('rmi', 'other:1')
    await engine.must('load', '-i', tar)
    await engine.must('tag', 'other:1', 'came:1')
    await engine.must('network', 'create', 'n1')
    await engine.must('volume', 'create', 'v1')
    await engine.must('run', '-d', '--name', 'runs', '--network', 'n1', '-v', 'v1:/v', 'made:1', 'sleep', '300')
    await engine.must('create', '--name', 'still', base, 'true')
    const layerOf = async (image: string): Promise<string> =>
      (await engine.must('inspect', '-f', '{{index .RootFS.Layers 0}}', image)).replace('sha256:', '')
    const madeLayers = (await engine.must('inspect', '-f', '{{join .RootFS.Layers " "}}', 'made:1')).split(' ')
    hex.made = (madeLayers.at(-1) ?? '').replace('sha256:', '')
    hex.came = await layerOf('came:1')
  })
  after(() => engine[Symbol.asyncDispose]())

  const idOf = (name: string): Promise<string> => engine.must('inspect', '-f', '{{.Id}}', name)

  it('finds nothing wrong while the engine runs', async () => {
    const { code, report } = await checkRoot(root)
    expect(report.findings).to.deep.equal([])
    expect(code).to.equal(0)
    expect(report.running).to.equal(true)
    const { images, layers, containers, volumes, networks } = report.count
    expect({ images, layers, containers, volumes, networks }).to.deep.equal({
      images: 3,
      layers: 3,
      containers: 2,
      volumes: 1,
      networks: 5, // that of builds among them
    })
  })

  it('finds nothing wrong, and nothing left over, when it does not', async () => {
    await engine.stop('SIGTERM')
    try {
      const { code, report } = await checkRoot(root)
      expect(report.findings).to.deep.equal([])
      expect(report.running).to.equal(false)
      expect(code).to.equal(0)
    } finally {
      await engine.boot()
    }
  })

  it('never takes what comes and goes for damage', async () => {
    let going = true
    const churn = async (): Promise<void> => {
      for (let round = 0; going; round++) {
        const input = archive([{ name: 'Dockerfile', content: `FROM ${base}\nRUN echo ${round} > /r\n` }])
        await engine.with({ input }, 'build', '-q', '-t', 'churn', '-')
        await engine.docker('run', '--rm', '-v', '/x', 'churn', 'true')
        await engine.docker('rmi', '-f', 'churn')
        await engine.docker('builder', 'prune', '-af')
      }
    }
    const churning = churn()
    try {
      for (let round = 0; round < 4; round++) expect(await wrongIn(engine)).to.deep.equal([])
    } finally {
      going = false
      await churning
    }
  })

  /** Damages something, looks, and makes it good again. */
  const damaged = async (path: string, damage: (path: string) => Promise<unknown>): Promise<string[]> => {
    const aside = `${engine.dir}/aside`
    await cp(path, aside, { recursive: true, preserveTimestamps: true })
    await damage(path)
    try {
      return await wrongIn(engine)
    } finally {
      await rm(path, { recursive: true, force: true })
      await rename(aside, path)
    }
  }
  const one = (found: readonly string[], pattern: RegExp): void => {
    expect(found).to.have.length(1)
    expect(found[0]).to.match(pattern)
  }

  it('names an image whose configuration is damaged', async () => {
    const path = join(root, 'images/configs', (await idOf('came:1')).slice('sha256:'.length))
    one(
      await damaged(path, (file) => truncate(file, 40)),
      /^damage: image came:1: its configuration .* is damaged: its digest is sha256:/,
    )
  })

  it('names what has an image that is gone', async () => {
    const id = await idOf('made:1')
    const found = await damaged(join(root, 'images/configs', id.slice('sha256:'.length)), (file) => rm(file))
    expect(found).to.deep.equal([
      `damage: name made:1: references.json gives it to the image ${id}, which is not here`,
      `damage: container runs: its image ${id} is not here`,
    ])
  })

  it('names a layer whose files have changed, made here', async () => {
    const path = join(root, 'images/layers', hex.made, 'hi')
    one(
      await damaged(path, (file) => writeFile(file, 'ho\n')),
      new RegExp(`^damage: layer sha256:${hex.made}: its files make sha256:`),
    )
  })

  it('names a layer whose files have changed, come from elsewhere', async () => {
    const path = join(root, 'images/layers', hex.came)
    const layer = `damage: layer sha256:${hex.came}: `
    const change = (work: (dir: string) => Promise<unknown>): Promise<string[]> =>
      damaged(join(path, 'tool'), () => work(path))
    one(
      await change((dir) => writeFile(join(dir, 'tool'), '#!/bin/ow\n')),
      new RegExp(`^${layer}its files make sha256:`),
    )
    one(await change((dir) => chmod(join(dir, 'tool'), 0o4755)), new RegExp(`^${layer}"/tool" has mode 4755, not 755$`))
    one(await change((dir) => truncate(join(dir, 'tool'), 3)), new RegExp(`^${layer}".*tool" became shorter`))
    await writeFile(join(path, 'a/more'), '')
    one(await wrongIn(engine), new RegExp(`^${layer}"/a/more" is not of this layer$`))
    await rm(join(path, 'a/more'))
    expect(await wrongIn(engine)).to.deep.equal([])
  })

  it('names a layer whose record or whose files are gone', async () => {
    const path = join(root, 'images/layers', hex.came)
    const missing = `damage: image came:1: its layer sha256:${hex.came} is not here`
    expect(await damaged(`${path}.json`, (file) => writeFile(file, '{}'))).to.deep.equal([
      `damage: layer sha256:${hex.came}: its record ${path}.json is damaged: diffId is missing`,
      missing,
    ])
    expect(await damaged(`${path}.json`, (file) => rm(file))).to.deep.equal([missing])
    await rename(path, `${path}.aside`)
    try {
      expect(await wrongIn(engine)).to.deep.equal([`damage: layer sha256:${hex.came}: its files are gone`, missing])
    } finally {
      await rename(`${path}.aside`, path)
    }
  })

  it('names damaged records of names, networks, volumes, containers and the build cache', async () => {
    const input = archive([{ name: 'Dockerfile', content: `FROM ${base}\nRUN echo again > /again\n` }])
    await engine.with({ input }, 'build', '-q', '-t', 'again:1', '-')
    const networkId = await idOf('n1')
    const still = await idOf('still')
    const [key = ''] = await readdir(join(root, 'build/cache'))
    const spoil = async (path: string, text = '{"id"'): Promise<string[]> =>
      damaged(join(root, path), (file) => writeFile(file, text))
    one(await spoil('images/references.json'), /^damage: record .*references\.json: it is not JSON$/)
    one(await spoil('userns.json', '[]'), /^damage: record .*userns\.json: it is not an object$/)
    expect(await spoil(`networks/${networkId}.json`)).to.deep.equal([
      `damage: network ${networkId}: its record ${root}/networks/${networkId}.json is damaged: it is not JSON`,
      'damage: container runs: its network n1 is not here',
    ])
    one(await spoil('volumes/v1/volume.json', ''), /^damage: volume v1: its record .* is damaged: it is empty$/)
    one(
      await spoil(`containers/${still}/container.json`, '{"id":1}'),
      /^damage: container .*: its record .* is damaged: id is a number, not a string$/,
    )
    one(await spoil(`build/cache/${key}`), /^damage: build cache record .* is damaged: it is not JSON$/)
    one(
      await damaged(join(root, 'containers', still, 'work'), (dir) => rm(dir, { recursive: true })),
      /^damage: container still: its .*work is gone$/,
    )
    await rename(join(root, 'volumes/v1'), join(engine.dir, 'v1'))
    one(await wrongIn(engine), /^damage: container runs: its volume v1 is not here$/)
    await rename(join(engine.dir, 'v1'), join(root, 'volumes/v1'))
  })

  it('names what nothing refers to, and the next start takes it away', async () => {
    await engine.stop('SIGKILL')
    const stray = [
      'images/staging/abc',
      `images/layers/${'0'.repeat(64)}`,
      'volumes/.half',
      `containers/${'1'.repeat(64)}`,
      `build/mounts/private-x`,
    ]
    for (const path of stray) await mkdir(join(root, path))
    const files = [
      `images/layers/${'2'.repeat(64)}.recipe`,
      'images/references.json.1.1.tmp',
      `networks/${'3'.repeat(64)}.json.7.1.tmp`,
      `build/mounts/${'4'.repeat(32)}.json`,
      'userns.json.7.3.tmp',
      'build/contexts/7-8.3.tmp',
    ]
    for (const path of files) await writeFile(join(root, path), '{"id":"x","created":1}')
    // a layer that is whole, and is nobody's
    const [layer, copy] = [join(root, 'images/layers', hex.came), '5'.repeat(64)]
    await mkdir(join(root, 'images/layers', copy))
    await writeFile(
      join(root, 'images/layers', `${copy}.json`),
      (await readFile(`${layer}.json`, 'utf8')).replace(hex.came, copy),
    )
    const found = await wrongIn(engine)
    for (const path of [...stray, ...files, `images/layers/${copy}`])
      expect(
        found.filter((line) => line.startsWith(`leftover: ${join(root, path)}:`)),
        path,
      ).to.have.length(1)
    await engine.boot()
    await engine.stop('SIGTERM')
    const left = await wrongIn(engine)
    await engine.boot()
    expect(left).to.deep.equal([])
  })
})
