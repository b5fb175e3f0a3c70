import { expect } from 'chai'
import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { operationFiles, operationsDirectory } from '../../src/builds/files.js'
import { label } from '../../src/config.js'
import { collectImages, removeCaches, removeImages, trim } from '../../src/queue/collect.js'
import type { App } from '../../src/store/apps.js'
import { depsOf, queueRig, withEngine, type QueueRig } from './rig.js'

describe('what is too old to keep', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const refusal = (promise: Promise<unknown>): Promise<string | null> =>
    promise.then(
      () => null,
      (error: unknown) => (error as Error).message,
    )
  const image = (app: App, id: string, labels = {}) => ({
    ...{ Id: id, RepoTags: [], Labels: { [label.instance]: rig.config.name, [label.app]: app.id, ...labels } },
  })
  /** Runs a task on an engine that has these images; what it asked for, but for lists. */
  const asked = async (images: readonly object[], task: () => Promise<void>, status = 200): Promise<string[]> => {
    const seen: string[] = []
    const engine: RequestListener = ({ method, url = '' }, response) => {
      response.setHeader('content-type', 'application/json')
      if (method === 'GET')
        response.end(JSON.stringify(url.endsWith('/version') ? { Platform: { Name: 'Berth' } } : images))
      else {
        seen.push(`${method ?? ''} ${decodeURIComponent(url)}`)
        response.writeHead(status).end('[]')
      }
    }
    await withEngine(rig, engine, task)
    return seen.sort()
  }

  it('is of the releases and operations of an app all but the last hundred, and their logs', async () => {
    const app = await rig.app('old')
    const value = (n: number): string => String(n).padEnd(2000, 'x')
    const { store, config } = rig
    const release = await store.releases.get(app.id, 2)
    await mkdir(operationsDirectory(config), { recursive: true })
    const versions = Array.from({ length: 117 }, (_, n) => n + 3)
    await Promise.all(
      versions.map(async (version) => {
        const change = { kind: 'config', set: { BIG: value(version) }, unset: [] }
        const [{ id }] = await Promise.all([
          store.operations.create(app.id, change),
          store.releases.put({ ...release, version, status: 'failed', config: { BIG: value(version) } }),
        ])
        await store.operations.update(id, { status: 'succeeded', release: version })
        await writeFile(operationFiles(config, id).log, 'Launching...')
      }),
    )
    const first = (await store.operations.list(app.id)).at(-1)
    await store.releases.update(app.id, 7, { status: 'succeeded' })
    await store.releases.update(app.id, 8, { status: 'pending' })
    const canary = { release: 10, since: 'then', percent: 10 }
    const now = await store.apps.update(app.id, { current: 9, canary })
    await trim(depsOf(rig), now)
    await trim(depsOf(rig), now)
    const left = (await store.releases.list(app.id)).map(({ version }) => version)
    expect(left.slice(0, 100)).to.deep.equal(Array.from({ length: 100 }, (_, n) => 119 - n))
    expect(left.slice(100), 'what runs, what is about to, and what one can go back to').to.deep.equal([
      10, 9, 8, 7, 2, 1,
    ])
    const told = await refusal(store.releases.get(app.id, 3))
    expect(told).to.match(/^v3 is kept no more: of each app, the last 100 releases are$/)
    expect(await store.operations.list(app.id)).to.have.length(100)
    expect(await refusal(access(operationFiles(config, first?.id ?? '').log))).to.match(/ENOENT/)
    expect((await readdir(operationsDirectory(config))).filter((name) => name.endsWith('.log'))).to.have.length(100)
    expect(JSON.stringify(await store.redis.hgetall('deploys')), 'what is over').to.not.include('xxx')
  })

  it('is of the images of an app all but those of its last good releases, and what runs', async () => {
    const app = await rig.app('imaged')
    const { store } = rig
    const release = await store.releases.get(app.id, 2)
    for (let version = 3; version < 20; version += 1)
      await store.releases.put({
        ...release,
        version,
        image: `sha256:${version}`,
        status: version % 2 ? 'succeeded' : 'failed',
      })
    await store.releases.update(app.id, 18, { status: 'pending' })
    const canary = { release: 6, since: 'then', percent: 10 }
    const now = await store.apps.update(app.id, { current: 4, canary })
    const images = Array.from({ length: 20 }, (_, n) => image(app, `sha256:${n}`))
    const kept = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 18, 4, 6]
    expect(kept, 'ten, one about to run, one that runs and its canary').to.have.length(13)
    const gone = [0, 2, 8, 10, 12, 14, 16].map((n) => `/images/sha256:${n}`)
    const seen = await asked(images, () => collectImages(depsOf(rig), now))
    expect(seen.map((line) => /\/images\/sha256:\d+/.exec(line)?.[0]).sort()).to.deep.equal(gone.sort())
  })

  it('is never an image of another app, or of another Berth, whatever the engine lists', async () => {
    const app = await rig.app('mine')
    const images = [
      ...[image(app, 'sha256:mine'), image(app, 'sha256:app', { [label.app]: 'other' })],
      ...[image(app, 'sha256:berth', { [label.instance]: 'other' })],
    ]
    const seen = await asked(images, () => removeImages(depsOf(rig), app))
    expect(seen).to.have.length(1)
    expect(seen[0]).to.include('/images/sha256:mine')
  })

  it('stays where it is in use, and the rest goes all the same', async () => {
    const app = await rig.app('used')
    const seen = await asked(
      [image(app, 'sha256:a'), image(app, 'sha256:b')],
      () => removeImages(depsOf(rig), app),
      409,
    )
    expect(seen).to.have.length(2)
  })

  it('is of the caches of builds all that bears the name of the app', async () => {
    const app = await rig.app('cached')
    const [seen = ''] = await asked([], () => removeCaches(depsOf(rig), app))
    expect(seen)
      .to.match(/^POST .*\/build\/prune/)
      .and.to.include(`${label.app}=${app.id}`)
  })
})
