import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { operationFiles } from '../../src/builds/files.js'
import { checkOut, keepImages, rebuild } from '../../src/queue/rebuild.js'
import type { App } from '../../src/store/apps.js'
import { arrivals } from '../../src/store/operations.js'
import { must } from '../run.js'
import { depsOf, queueRig, withEngine, type QueueRig } from './rig.js'

describe('what was pushed before', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'not refused',
      (error: unknown) => (error as Error).message,
    )

  let bare: string
  let commit: string
  before(async () => {
    await mkdir(rig.config.root, { recursive: true })
    const work = await mkdtemp(join(rig.config.root, 'work-'))
    await mkdir(join(work, 'bin'))
    await writeFile(join(work, 'bin/run'), '#!/bin/sh\n', { mode: 0o755 })
    await symlink('bin/run', join(work, 'link'))
    await writeFile(join(work, 'naïve ☃'), 'text')
    const git = (...args: string[]) => must('git', ['-C', work, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
    await git('init', '--quiet')
    await git('add', '.')
    await git('commit', '--quiet', '-m', 'one')
    commit = await git('rev-parse', 'HEAD')
    bare = join(work, '.git')
  })

  /** An app with a repository that holds one commit, which it runs. */
  const pushed = async (name: string): Promise<App> => {
    const app = await rig.app(name)
    await cp(bare, join(rig.config.root, 'git', `${app.id}.git`), { recursive: true })
    await rig.store.releases.update(app.id, 2, { commit })
    return app
  }

  it('is laid out as a push would have, over whatever was there', async () => {
    const app = await pushed('laid')
    const directory = join(rig.config.root, 'tree')
    await mkdir(join(directory, 'old'), { recursive: true })
    await checkOut(rig.config, app, commit, directory)
    expect(existsSync(join(directory, 'old'))).to.equal(false)
    expect((await stat(join(directory, 'bin/run'))).mode & 0o111).to.equal(0o111)
    expect(await readlink(join(directory, 'link'))).to.equal('bin/run')
    expect(await readFile(join(directory, 'naïve ☃'), 'utf8')).to.equal('text')
    expect(existsSync(`${directory}.index`), 'by which the next push is laid out').to.equal(true)
  })

  it('that is not in the repository, or not whole, leaves nothing', async () => {
    const app = await pushed('torn')
    const directory = join(rig.config.root, 'none')
    for (const none of ['f'.repeat(40), 'HEAD~1', '--help', ''])
      expect(await refusal(checkOut(rig.config, app, none, directory)), none).to.match(
        /^the repository of torn does not give commit /,
      )
    const blob = await must('git', [
      '--git-dir',
      join(rig.config.root, 'git', `${app.id}.git`),
      'rev-parse',
      'HEAD:bin/run',
    ])
    const objects = join(rig.config.root, 'git', `${app.id}.git`, 'objects')
    await rm(join(objects, blob.slice(0, 2), blob.slice(2)))
    expect(await refusal(checkOut(rig.config, app, commit, directory))).to.match(/does not give commit/)
    expect([existsSync(directory), existsSync(`${directory}.index`)]).to.deep.equal([false, false])
  })

  it('that has submodules which are not kept is not built without them', async () => {
    const app = await pushed('pinning')
    const git = (...args: string[]) =>
      must('git', ['-C', join(bare, '..'), '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
    await git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},lib`)
    const pinning = await git('commit-tree', '-m', 'two', await git('write-tree'))
    await git('reset', '--quiet')
    await cp(bare, join(rig.config.root, 'git', `${app.id}.git`), { recursive: true })
    const directory = join(rig.config.root, 'tree')
    expect(await refusal(checkOut(rig.config, app, pinning, directory))).to.match(/its submodules are not kept here/)
    expect(existsSync(directory)).to.equal(false)
  })

  it('is built again as a push of its own', async () => {
    const app = await pushed('again')
    const by = { token: 't', name: 'ada' }
    const { id } = await rebuild(rig, await rig.store.apps.update(app.id, { deployBranch: 'live' }), by)
    expect(await rig.store.operations.get(id)).to.deep.include({
      ...{ by, change: { kind: 'push', commit, branch: 'live', rebuild: true } },
    })
    expect(existsSync(join(operationFiles(rig.config, id).source, 'bin/run'))).to.equal(true)
    const never = await rig.app('never')
    expect(await refusal(rebuild(rig, never))).to.equal('never has nothing to build again')
    await rig.store.apps.remove(app.id)
    expect(await refusal(rebuild(rig, app))).to.not.equal('not refused')
  })

  it('is built again by itself where the engine has lost its image, once', async () => {
    const [lost, there] = [await pushed('lost'), await pushed('there')]
    await rig.store.releases.update(lost.id, 2, { image: 'sha256:lost' })
    let asked = 0
    const engine: RequestListener = ({ url = '' }, response) => {
      response.setHeader('content-type', 'application/json')
      if (!decodeURIComponent(url).includes('sha256:lost')) response.end('{"Id":"sha256:1"}')
      else {
        asked += 1
        response.writeHead(404).end('{"message":"No such image"}')
      }
    }
    const heard = Promise.withResolvers<string>()
    await rig.store.notifications.subscribe(arrivals, heard.resolve)
    await withEngine(rig, engine, async () => {
      const images = keepImages(depsOf(rig))
      expect(await heard.promise).to.equal(lost.id)
      images[Symbol.dispose]()
    })
    const [build] = await rig.store.operations.pending(lost.id)
    expect(build?.change).to.deep.include({ kind: 'push', commit, rebuild: true })
    expect(await rig.store.operations.pending(there.id)).to.deep.equal([])
    expect(asked).to.equal(1)
  })
})
