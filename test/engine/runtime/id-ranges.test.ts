import { expect } from 'chai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IdRanges } from '../../../src/engine/runtime/id-ranges.js'

describe('ranges of ids', () => {
  let root: string
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'berth-ranges-'))))
  afterEach(() => rmSync(root, { recursive: true }))

  const span = { first: 0x70000000, count: 4 * 65536 }
  const open = () => IdRanges.open(root, 'test', span)

  it('are kept over a restart, and no two owners have the same', async () => {
    const ranges = await open()
    const given = new Map<string, number>()
    for (const owner of ['containers', 'builds', 'name:a', 'name:b'] as const)
      given.set(owner, (await ranges.of(owner)).first)
    expect(new Set(given.values()).size).to.equal(4)
    const again = await open()
    for (const owner of ['name:b', 'containers'] as const)
      expect((await again.of(owner)).first).to.equal(given.get(owner))
  })

  it('are given again when all are taken, but for those that containers have', async () => {
    const ranges = await open()
    await ranges.of('containers')
    const { first: gone } = await ranges.of('name:gone')
    const { first: kept } = await ranges.of('name:kept')
    await ranges.of('builds')
    const names = () => new Set(['kept', 'new'])
    expect((await ranges.of('name:new', names)).first).to.equal(gone)
    expect((await ranges.of('name:kept', names)).first).to.equal(kept)
    expect((await (await open()).of('name:new')).first).to.equal(gone)
    const failure = await ranges
      .of('name:more', () => new Set(['kept', 'new', 'more']))
      .catch((error: unknown) => error)
    expect(String(failure)).to.include(
      'all 4 ranges of ids are taken by containers: give the engine more with --userns-ids',
    )
    expect((await ranges.of('name:new')).first, 'nothing was forgotten').to.equal(gone)
  })
})
