import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { operationFiles, operationsDirectory } from '../../src/builds/files.js'
import { followLog, outcome, type LogChunk } from '../../src/queue/follow.js'
import type { Operation } from '../../src/store/operations.js'
import { queueRig, type QueueRig } from './rig.js'

describe('the log of an operation', function () {
  this.timeout(10_000)
  let rig: QueueRig
  before(async () => {
    rig = await queueRig()
    await mkdir(operationsDirectory(rig.config), { recursive: true })
  })
  after(() => rig[Symbol.asyncDispose]())

  const operation = async (name: string): Promise<Operation> => {
    const { id } = await rig.app(name)
    return rig.store.operations.create(id, { kind: 'restart', process: null })
  }
  const file = ({ id }: Operation) => operationFiles(rig.config, id).log
  const read = async (one: Operation, options = {}): Promise<LogChunk[]> => {
    const all: LogChunk[] = []
    for await (const chunk of followLog(rig.config, rig.store, one.id, options)) all.push(chunk)
    return all
  }
  const textOf = (chunks: readonly LogChunk[]) => chunks.map(({ text }) => text).join('')

  it('is followed as it is written, until the operation is over', async () => {
    const one = await operation('followed')
    const chunks = followLog(rig.config, rig.store, one.id)
    const first = chunks.next()
    await appendFile(file(one), 'one\n')
    await rig.store.operations.notify(one.id, 'log')
    expect(await first).to.deep.equal({ done: false, value: { text: 'one\n', offset: 4 } })
    const second = chunks.next()
    await appendFile(file(one), 'two ☃\n')
    await rig.store.operations.update(one.id, { status: 'succeeded' })
    expect(await second).to.deep.equal({ done: false, value: { text: 'two ☃\n', offset: 12 } })
    expect(await chunks.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('goes on where a lost connection left it, whatever it was in the middle of', async () => {
    const one = await operation('resumed')
    const whole = `x${'🚢☃é\n'.repeat(30_000)}`
    await writeFile(file(one), whole)
    await rig.store.operations.update(one.id, { status: 'succeeded' })
    const chunks = await read(one)
    expect(textOf(chunks) === whole, 'all of it').to.equal(true)
    expect(chunks.length).to.be.greaterThan(4)
    for (const { offset } of chunks) {
      const rest = textOf(await read(one, { from: offset }))
      expect(Buffer.byteLength(rest) + offset, 'no byte is lost').to.equal(Buffer.byteLength(whole))
      expect(whole.endsWith(rest), 'nor a character').to.equal(true)
    }
  })

  it('holds back half a character until the rest of it is there', async () => {
    const one = await operation('torn')
    const ship = Buffer.from('🚢')
    await writeFile(file(one), Buffer.concat([Buffer.from('a'), ship.subarray(0, 3)]))
    expect(await read(one, { follow: false })).to.deep.equal([{ text: 'a', offset: 1 }])
    await appendFile(file(one), ship.subarray(3))
    expect(await read(one, { follow: false, from: 1 })).to.deep.equal([{ text: '🚢', offset: 5 }])
    await appendFile(file(one), Buffer.from([0x80, 0x80, 0x80, 0x80, 0xff]))
    const odd = await read(one, { follow: false, from: 2 })
    expect(odd.at(-1)?.offset, 'what is no character at all is passed on as such').to.equal(10)
  })

  it('is empty where there is none, beyond its end, and to one who has left', async () => {
    const one = await operation('silent')
    expect(await read(one, { follow: false })).to.deep.equal([])
    await writeFile(file(one), 'text')
    expect(await read(one, { follow: false, from: 1000 })).to.deep.equal([])
    expect(await read(one, { signal: AbortSignal.abort() })).to.deep.equal([])
    const left = new AbortController()
    const chunks = followLog(rig.config, rig.store, one.id, { signal: left.signal })
    expect((await chunks.next()).value).to.deep.equal({ text: 'text', offset: 4 })
    const next = chunks.next()
    left.abort()
    expect((await next).done).to.equal(true)
  })

  it('of an app that is destroyed meanwhile ends', async () => {
    const one = await operation('destroyed')
    const all = read(one)
    const end = outcome(rig.store, one)
    await rig.store.apps.remove(one.app)
    expect(await all).to.deep.equal([])
    expect(await end).to.include({ id: one.id, status: 'succeeded' })
  })

  it('has an outcome, which one can wait for no longer', async () => {
    const one = await operation('waited')
    const stop = new AbortController()
    const left = outcome(rig.store, one, stop.signal).catch((error: unknown) => (error as Error).message)
    const both = Promise.all([outcome(rig.store, one), outcome(rig.store, one)])
    stop.abort(new Error('I go'))
    expect(await left).to.equal('I go')
    await rig.store.operations.update(one.id, { status: 'failed', failure: 'no' })
    for (const end of await both) expect(end).to.include({ status: 'failed', failure: 'no' })
    expect(await outcome(rig.store, one, AbortSignal.abort())).to.include({ status: 'failed' })
  })
})
