import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { operationFiles } from '../../src/builds/files.js'
import { OperationLog } from '../../src/builds/operation-log.js'
import { waitForBuilds, waitForChanges, type OperationRun } from '../../src/queue/run.js'
import { depsOf, queueRig, type QueueRig } from './rig.js'

describe('an operation that waits for others', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
  })
  after(() => rig[Symbol.asyncDispose]())

  const begin = async (name: string, signal = new AbortController().signal): Promise<OperationRun> => {
    const app = await rig.app(name)
    const operation = await rig.store.operations.create(app.id, { kind: 'restart', process: null })
    const log = await OperationLog.open(rig.config, rig.store, operation.id)
    return { app, operation, log, signal, current: await rig.store.releases.current(app) }
  }
  const said = async ({ log, operation }: OperationRun) => {
    await log.close()
    return readFile(operationFiles(rig.config, operation.id).log, 'utf8')
  }

  it('says how many are ahead of it, and nothing when there are none', async () => {
    const deps = depsOf(rig)
    const gate = Promise.withResolvers<string>()
    const [one, two, three] = [await begin('one'), await begin('two'), await begin('three')]
    const first = waitForBuilds(deps, one, () => gate.promise)
    const second = waitForBuilds(deps, two, () => Promise.resolve('second'))
    const third = waitForBuilds(deps, three, () => Promise.resolve('third'))
    gate.resolve('first')
    expect(await Promise.all([first, second, third])).to.deep.equal(['first', 'second', 'third'])
    expect(await said(one)).to.equal('')
    expect(await said(two)).to.equal('-----> Waiting for 1 build ahead\n')
    expect(await said(three)).to.match(/^-----> Waiting for 2 builds ahead\n/)
  })

  it('waits for its own kind only, and no longer than it is wanted', async () => {
    const deps = depsOf(rig)
    const gate = Promise.withResolvers<null>()
    const stop = new AbortController()
    const [build, change, left] = [await begin('build'), await begin('change'), await begin('left', stop.signal)]
    const building = waitForBuilds(deps, build, () => gate.promise)
    expect(await waitForChanges(deps, change, () => Promise.resolve('at once'))).to.equal('at once')
    let ran = false
    const waiting = waitForBuilds(deps, left, () => Promise.resolve((ran = true)))
    const told = waiting.catch((error: unknown) => (error as Error).message)
    stop.abort(new Error('cancelled by ada'))
    expect(await told).to.equal('cancelled by ada')
    gate.resolve(null)
    await building
    expect(await waitForBuilds(deps, change, () => Promise.resolve('next'))).to.equal('next')
    expect(ran).to.equal(false)
    for (const run of [build, change, left]) await run.log.close()
  })
})
