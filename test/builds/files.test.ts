import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Config } from '../../src/config.js'
import { operationFiles, keepSource, lastTree, removeStraySources } from '../../src/builds/files.js'
import { makeDeep } from '../engine/system/hostile.js'

describe('the trees of deploys', () => {
  let config: Config
  /** Twice as deep as a path can be long. */
  const deep = (directory: string): void => {
    mkdirSync(directory, { recursive: true })
    makeDeep(directory, 40, 'd'.repeat(200))
  }
  beforeEach(() => (config = { root: mkdtempSync(join(tmpdir(), 'berth-files-')) } as Config))
  afterEach(() => execFileSync('rm', ['-rf', config.root]))

  it('go when no deploy needs them, however deep they are', async () => {
    const { source } = operationFiles(config, 'stray')
    deep(source)
    writeFileSync(`${source}.index`, '')
    const { source: pending } = operationFiles(config, 'pending')
    mkdirSync(pending)
    await removeStraySources(config, new Set(['pending']))
    expect([existsSync(source), existsSync(`${source}.index`), existsSync(pending)]).to.deep.equal([false, false, true])
  })

  it('take the place of the last, be that as deep', async () => {
    deep(lastTree(config, 'app'))
    const { source } = operationFiles(config, 'next')
    mkdirSync(source)
    writeFileSync(join(source, 'new'), '')
    writeFileSync(`${source}.index`, '')
    await keepSource(config, 'next', 'app')
    expect(existsSync(join(lastTree(config, 'app'), 'new'))).to.equal(true)
  })

  it('do not keep the worker from starting when they cannot be removed', async function () {
    const { source } = operationFiles(config, 'stuck')
    mkdirSync(join(source, 'a'), { recursive: true })
    const other = operationFiles(config, 'tother').source
    mkdirSync(other)
    try {
      execFileSync('chattr', ['+i', join(source, 'a')], { stdio: 'ignore' })
    } catch {
      this.skip() // a file system without flags
    }
    try {
      await removeStraySources(config, new Set())
      expect([existsSync(source), existsSync(other)]).to.deep.equal([true, false])
    } finally {
      execFileSync('chattr', ['-i', join(source, 'a')])
    }
    rmSync(source, { recursive: true })
  })
})
