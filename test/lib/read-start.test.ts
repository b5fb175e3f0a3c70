import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readStart } from '../../src/lib/read-start.js'

describe('the beginning of a file of a pushed tree', () => {
  let dir: string
  const at = (name: string): string => join(dir, name)
  before(() => (dir = mkdtempSync(join(tmpdir(), 'berth-start-'))))
  after(() => rmSync(dir, { recursive: true }))

  it('is so many bytes at most, and says whether the file may be run', async () => {
    writeFileSync(at('run'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    writeFileSync(at('short'), 'ab', { mode: 0o644 })
    expect(await readStart(at('run'), 9)).to.deep.equal({ text: '#!/bin/sh', executable: true })
    expect(await readStart(at('short'), 100)).to.deep.equal({ text: 'ab', executable: false })
  })

  it('is nothing of what is not there, of a link, of a directory and of a pipe that nobody writes to', async () => {
    writeFileSync(at('secret'), 'secret')
    symlinkSync(at('secret'), at('link'))
    mkdirSync(at('directory'))
    execFileSync('mkfifo', [at('pipe')])
    for (const name of ['missing', 'link', 'directory', 'pipe'])
      expect(await readStart(at(name), 10), name).to.deep.equal({ text: '', executable: false })
  })

  it('fails for what cannot be read for another reason', async () => {
    writeFileSync(at('file'), '')
    const error = await readStart(at('file/below'), 10).catch((one: unknown) => one)
    expect((error as NodeJS.ErrnoException).code).to.equal('ENOTDIR')
  })
})
