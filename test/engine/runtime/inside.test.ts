import { expect } from 'chai'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cgroup } from '../../../src/engine/runtime/cgroup.js'
import { commandInside } from '../../../src/engine/runtime/inside.js'
import type { Driver } from '../../../src/engine/runtime/driver.js'

describe('the command that runs inside', () => {
  let dir: string
  const group = (name: string) => join(dir, 'groups', name)
  const put = (current: number, most: string) => {
    writeFileSync(join(group('pids'), 'c/pids.current'), `${String(current)}\n`)
    writeFileSync(join(group('pids'), 'c/pids.max'), `${most}\n`)
  }
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'berth-inside-'))
    for (const name of ['pids', 'cpu']) mkdirSync(join(group(name), 'c'), { recursive: true })
    mkdirSync(join(dir, 'state/id'), { recursive: true })
    writeFileSync(join(dir, 'state/id/status'), JSON.stringify({ pid: 7, 'cgroup-path': '/c' }))
    put(1, 'max')
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const command = (name: 'crun' | 'runc' = 'crun') => {
    const driver = { name, path: `/${name}`, root: join(dir, 'state'), args: ['--usual'] } as unknown as Driver
    const controllers = new Map(['pids', 'cpu'].map((each) => [each, group(each)]))
    const cgroup = new Cgroup({ version: 1, controllers }, '/c')
    return commandInside(driver, { id: 'id', cgroup, place: join(dir, 'exec') })
  }
  const groupless = () => JSON.parse(readFileSync(join(dir, 'exec/groupless/id/status'), 'utf8')) as unknown

  it('joins every group, and has a record that names none', () => {
    const { words, inside } = command()
    expect(inside).to.equal(true)
    expect(words).to.include.members([join(group('pids'), 'c'), join(group('cpu'), 'c'), '/crun'])
    expect(groupless()).to.deep.equal({ pid: 7, 'cgroup-path': '' })
  })

  it('finds no half of a record that a kill cut short', () => {
    mkdirSync(join(dir, 'exec/groupless/id.draft'), { recursive: true })
    writeFileSync(join(dir, 'exec/groupless/id.draft/status'), '')
    command()
    expect(groupless()).to.deep.equal({ pid: 7, 'cgroup-path': '' })
  })

  it('is the usual one where the group has no room for it, and of another runtime', () => {
    put(7, '9')
    expect(command()).to.deep.equal({ words: ['/crun', '--usual'], inside: false })
    put(6, '9')
    expect(command().inside).to.equal(true)
    expect(command('runc')).to.deep.equal({ words: ['/runc', '--usual'], inside: false })
  })
})
