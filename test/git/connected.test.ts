import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkConnected } from '../../src/git/connected.js'
import { bareRepository, failure, type BareRepository } from './bare.js'

describe('a pushed commit', () => {
  let bare: BareRepository
  let [base, top, blob] = ['', '', '']
  before(async () => {
    bare = await bareRepository()
    base = await bare.commit({ a: ['100644', 'in the repository'] })
    top = await bare.commit({ a: ['100644', 'pushed'] }, base)
    blob = await bare.git('rev-parse', `${top}:a`)
  })
  after(() => bare[Symbol.asyncDispose]())

  const loose = (oid: string) => join(bare.path, 'objects', oid.slice(0, 2), oid.slice(2))
  const without = async (oid: string, task: () => Promise<void>) => {
    const kept = await readFile(loose(oid))
    await rm(loose(oid))
    try {
      await task()
    } finally {
      await writeFile(loose(oid), kept)
    }
  }

  it('is whole when all that it builds upon is here', async () => {
    await checkConnected(bare.path, top, {})
  })

  it('is told to be of a shallow clone when a parent is missing', () =>
    without(base, async () => {
      const error = await failure(checkConnected(bare.path, top, {}))
      expect(error).to.include({ fault: 'invalid' })
      expect((error as Error & { hint: string }).hint).to.include('git fetch --unshallow')
    }))

  it('is told to lack an object, by its name', () =>
    without(blob, async () => {
      const error = await failure(checkConnected(bare.path, top, {}))
      expect(error).to.include({ fault: 'invalid' })
      expect((error as Error).message).to.include(blob)
    }))

  it('that is not there at all is refused', async () => {
    expect(await failure(checkConnected(bare.path, '1'.repeat(40), {}))).to.include({ fault: 'invalid' })
  })

  it('is not walked beyond what a ref leads to', async () => {
    await bare.git('update-ref', 'refs/heads/main', base)
    const tree = await bare.git('rev-parse', `${base}^{tree}`)
    // what the repository lacks already is not this push's fault
    await without(tree, () => checkConnected(bare.path, top, {}))
  })
})
