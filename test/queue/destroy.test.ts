import { expect } from 'chai'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lastTree, operationFiles, operationsDirectory } from '../../src/builds/files.js'
import { dismantle, forgetApp } from '../../src/queue/destroy.js'
import { operationChannel } from '../../src/store/operations.js'
import { depsOf, queueRig, schedulerOf, type QueueRig } from './rig.js'

describe('the end of an app', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  it('leaves neither file nor record, and may be gone through again', async () => {
    const app = await rig.app('doomed')
    const other = await rig.app('bystander')
    const { store, config } = rig
    const create = (kind: string) => store.operations.create(app.id, { kind, process: null })
    const [past, waiting] = [await create('restart'), await create('restart')]
    const [destroy, again] = [await create('destroy'), await create('destroy')]
    await store.operations.update(past.id, { status: 'succeeded' })
    const theirs = await store.operations.create(other.id, { kind: 'restart', process: null })
    await mkdir(operationsDirectory(config), { recursive: true })
    for (const { id } of [past, waiting, destroy, theirs]) {
      await writeFile(operationFiles(config, id).log, 'text')
      await mkdir(join(operationFiles(config, id).source, 'deep'), { recursive: true })
      await writeFile(`${operationFiles(config, id).source}.index`, '')
    }
    await mkdir(join(lastTree(config, app.id), 'src'), { recursive: true })
    for (const { id } of [app, other])
      await mkdir(join(config.root, 'git', `${id}.git`, 'objects'), { recursive: true })
    const told = Promise.withResolvers<string>()
    const heard: string[] = []
    await store.notifications.subscribe(operationChannel(again.id), (what) => heard.push(what))
    await store.notifications.subscribe(operationChannel(waiting.id), (what) => heard.push(what))
    await store.notifications.subscribe(
      operationChannel(destroy.id),
      (what) => what === 'succeeded' && told.resolve(what),
    )

    const deps = depsOf(rig)
    await forgetApp(deps, app, destroy)
    await told.promise
    expect(heard, 'who wanted it destroyed too has what they wanted').to.have.members(['failed', 'succeeded'])
    expect(await store.apps.find(app.id)).to.equal(null)
    expect((await readdir(operationsDirectory(config))).sort()).to.deep.equal(
      ['.log', '.src', '.src.index'].map((end) => theirs.id + end),
    )
    expect(await readdir(join(config.root, 'git'))).to.deep.equal([`${other.id}.git`])
    await forgetApp(deps, app, destroy)
    expect((await store.apps.get('bystander')).id).to.equal(other.id)
  })

  it('comes when the engine is away too, but not before its processes are gone', async () => {
    const app = await rig.app('away')
    let removed = 0
    const scheduler = { ...schedulerOf(() => Promise.resolve()), remove: () => Promise.resolve(void (removed += 1)) }
    await dismantle(depsOf(rig, { scheduler }), app) // there is no engine at all
    expect(removed).to.equal(1)
    const stuck = { ...scheduler, remove: () => Promise.reject(new Error('web.1 does not end')) }
    const told = await dismantle(depsOf(rig, { scheduler: stuck }), app).catch(
      (error: unknown) => (error as Error).message,
    )
    expect(told).to.equal('web.1 does not end')
  })
})
