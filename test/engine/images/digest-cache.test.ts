import { expect } from 'chai'
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { recall, remember } from '../../../src/engine/images/digest-cache.js'
import { temporary } from './lab.js'

describe('what is remembered of a directory', () => {
  const digests = new Map([
    ['1 2 3 4 5', 'a digest'],
    ['6 7 8 9 0', 'another'],
  ])

  it('is had again, by its owner alone, and is replaced as a whole', () => {
    using lab = temporary()
    const path = join(lab.path, 'contexts', '1-2')
    remember(path, digests)
    expect(recall(path)).to.deep.equal(digests)
    expect(statSync(join(lab.path, 'contexts')).mode & 0o777).to.equal(0o700)
    remember(path, new Map([['x', 'y']]))
    expect(recall(path)).to.deep.equal(new Map([['x', 'y']]))
    expect(readdirSync(join(lab.path, 'contexts'))).to.deep.equal(['1-2'])
  })

  it('is nothing before the first build, when it is torn, or when it is something else', () => {
    using lab = temporary()
    const path = join(lab.path, '1-2')
    expect(recall(path)).to.deep.equal(new Map())
    remember(path, digests)
    const whole = readFileSync(path)
    for (const length of [0, 1, 2, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length))
      expect(recall(path), `${String(length)} bytes`).to.deep.equal(new Map())
    }
    writeFileSync(path, Buffer.alloc(whole.length))
    expect(recall(path)).to.deep.equal(new Map())
    for (const other of [{ a: 1 }, undefined, new Set(['a'])]) {
      writeFileSync(path, serialize(other))
      expect(recall(path)).to.deep.equal(new Map())
    }
    mkdirSync(join(lab.path, 'directory'))
    expect(recall(join(lab.path, 'directory'))).to.deep.equal(new Map())
  })

  it('is forgotten of those built longest ago, beyond 64', () => {
    using lab = temporary()
    const place = (n: number): string => join(lab.path, `1-${String(n)}`)
    for (let n = 1; n <= 64; n++) {
      remember(place(n), digests)
      utimesSync(place(n), 1_700_000_000 + n, 1_700_000_000 + n)
    }
    remember(place(1), digests) // built again: the second is the oldest now
    expect(readdirSync(lab.path)).to.have.length(64)
    remember(place(65), digests)
    remember(place(66), digests)
    const left = readdirSync(lab.path)
    expect(left).to.have.length(64).and.to.include.members(['1-1', '1-4', '1-64', '1-65', '1-66'])
    expect(left).to.not.include('1-2').and.to.not.include('1-3')
  })
})
