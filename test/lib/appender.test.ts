import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { expect } from 'chai'
import { Appender } from '../../src/lib/appender.js'

describe('what appends to a file', () => {
  let dir: string
  let path: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'berth-appender-'))
    path = join(dir, 'log')
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('writes all in order, what comes in one turn at once, and tells when more can be read', async () => {
    let grown = 0
    const appender = new Appender(await open(path, 'a'), 'a log', () => Promise.resolve(grown++))
    for (let n = 0; n < 100; n++) appender.append(`${String(n)}\n`)
    await appender.room(0)
    expect([readFileSync(path, 'utf8').split('\n').length, grown]).to.deep.equal([101, 1])
    appender.append('more')
    await appender.close()
    expect(readFileSync(path, 'utf8').endsWith('99\nmore')).to.equal(true)
    expect(grown).to.equal(2)
  })

  it('loses text when the disk is full, with a warning, and goes on', async () => {
    const written: string[] = []
    const full = {
      appendFile: (text: string) => {
        if (text === 'lost') return Promise.reject(new Error('no space'))
        written.push(text)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    } as unknown as FileHandle
    const appender = new Appender(full, 'a log', () => Promise.resolve())
    const warned = once(process, 'warning') as Promise<[Error]>
    appender.append('lost')
    await appender.room(0)
    appender.append('kept')
    await appender.close()
    expect((await warned)[0].message).to.equal('a log: no space')
    expect(written).to.deep.equal(['kept'])
  })
})
