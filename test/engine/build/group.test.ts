import { expect } from 'chai'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildGroup, buildLimits } from '../../../src/engine/build/group.js'
import type { Hierarchies } from '../../../src/engine/runtime/cgroup.js'

const mebibyte = 2 ** 20
const config = { name: 'x', build: { memoryBytes: 100 * mebibyte, pids: 50, cpus: 1.5 } }

describe('the limits of a build', () => {
  let root: string
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'berth-group-'))))
  afterEach(() => rmSync(root, { recursive: true }))

  /** What the kernel makes with a group, and what is then in it. */
  const offer = (dir: string, files: readonly string[]): void => {
    mkdirSync(join(root, dir), { recursive: true })
    for (const file of files) writeFileSync(join(root, dir, file), '')
  }
  const held = (dir: string, files: readonly string[]): string[] =>
    files.map((file) => readFileSync(join(root, dir, file), 'utf8'))

  it('are half of the memory, 4,096 processes and all processors where nothing is said', () => {
    const machine = { memory: 4096 * mebibyte, cpus: 3 }
    expect(buildLimits({}, machine)).to.deep.equal({ memory: 2048 * mebibyte, pids: 4096, cpus: 3 })
    expect(buildLimits({}, { memory: 600 * mebibyte, cpus: 1 }).memory).to.equal(512 * mebibyte)
    const none = buildLimits({ memoryBytes: 0, pids: 0, cpus: 0 }, machine)
    expect(none).to.deep.equal({ memory: Infinity, pids: Infinity, cpus: Infinity })
  })

  it('are written where groups are of version 2, its controllers passed on', () => {
    const files = ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max']
    const passed = 'cgroup.subtree_control'
    for (const dir of ['', 'berth-x', 'berth-x/builds']) offer(dir, [passed])
    offer('berth-x/builds', ['cpu.weight'])
    offer('berth-x/builds/one', files)
    BuildGroup.make({ version: 2, root }, config, 'one')
    const bytes = String(100 * mebibyte)
    expect(held('berth-x/builds/one', files)).to.deep.equal([bytes, bytes, '50', '150000 100000'])
    expect(held('berth-x/builds', ['cpu.weight', passed])).to.deep.equal(['50', '+cpu'])
    expect(held('', [passed])).to.deep.equal(['+cpu'])
    BuildGroup.make({ version: 2, root }, { name: 'x', build: { memoryBytes: 0, pids: 0, cpus: 0 } }, 'one')
    expect(held('berth-x/builds/one', files)).to.deep.equal(['max', 'max', 'max', 'max 100000'])
  })

  it('are written where groups are of version 1, in the hierarchies that there are', () => {
    const hierarchies: Hierarchies = {
      version: 1,
      controllers: new Map(['memory', 'pids', 'cpu'].map((name) => [name, join(root, name)])),
    }
    const memory = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
    const cpu = ['cpu.cfs_period_us', 'cpu.cfs_quota_us']
    offer('memory/berth-x/builds/one', memory)
    offer('pids/berth-x/builds/one', ['pids.max'])
    offer('cpu/berth-x/builds/one', cpu)
    const group = BuildGroup.make(hierarchies, config, 'one')
    expect(group.path).to.equal('/berth-x/builds/one')
    expect(held('memory/berth-x/builds/one', memory)).to.deep.equal([100, 200].map((n) => String(n * mebibyte)))
    expect(held('pids/berth-x/builds/one', ['pids.max'])).to.deep.equal(['50'])
    expect(held('cpu/berth-x/builds/one', cpu)).to.deep.equal(['100000', '150000'])
    BuildGroup.make({ version: 1, controllers: new Map([['pids', join(root, 'pids')]]) }, config, 'two') // a host without the others
  })
})
