import { expect } from 'chai'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findHierarchies, hastenMoves, type Hierarchies } from '../../../src/engine/runtime/cgroup.js'

const own = (): string => readFileSync('/proc/self/cgroup', 'utf8')

describe('readiness for moves between control groups', () => {
  it('comes of moving the engine to where it is', async () => {
    const real = findHierarchies()
    const dir = mkdtempSync(join(tmpdir(), 'berth-cgroup-'))
    const hierarchies: Hierarchies =
      real.version === 2 ? { version: 2, root: dir } : { version: 1, controllers: new Map([['pids', dir]]) }
    const line = own()
      .split('\n')
      .find((one) => (real.version === 2 ? one.startsWith('0::') : /^\d+:(.*,)?pids(,.*)?:/.test(one)))
    const procs = join(dir, line?.split(':').slice(2).join(':') ?? '', 'cgroup.procs')
    try {
      mkdirSync(dirname(procs), { recursive: true })
      writeFileSync(procs, '')
      await hastenMoves(hierarchies)
      expect(readFileSync(procs, 'utf8')).to.equal('0')
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('moves nobody', async function () {
    if (process.getuid?.() !== 0) this.skip()
    const before = own()
    await hastenMoves(findHierarchies())
    expect(own()).to.equal(before)
  })
})
