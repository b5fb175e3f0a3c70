import { expect } from 'chai'
import { chmodSync, lstatSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nowhere, statAt } from '../../../src/engine/kernel/at.js'
import { must } from '../../run.js'
import { temporary } from '../images/lab.js'

describe('lstat(2) by way of a directory', () => {
  const fields = ['dev', 'ino', 'nlink', 'mode', 'uid', 'gid', 'rdev', 'size', 'blocks', 'mtimeMs', 'ctimeMs'] as const
  const types = [
    'isFile',
    'isDirectory',
    'isSymbolicLink',
    'isFIFO',
    'isSocket',
    'isCharacterDevice',
    'isBlockDevice',
  ] as const

  it('says to the last digit what Node says', async () => {
    using lab = temporary()
    const at = (name: string): string => join(lab.path, name)
    writeFileSync(at('file'), 'text')
    chmodSync(at('file'), 0o4711)
    mkdirSync(at('directory'))
    symlinkSync('nowhere', at('link'))
    await must('mkfifo', [at('fifo')])
    writeFileSync(at('large'), '')
    truncateSync(at('large'), 5 * 2 ** 32 + 7)
    for (const [name, time] of Object.entries({
      old: -1.25,
      new: 4_000_000_000.123,
    })) {
      writeFileSync(at(name), '')
      utimesSync(at(name), time, time)
    }
    const places = ['file', 'directory', 'link', 'fifo', 'large', 'old', 'new'].map(at)
    for (const place of [...places, '/dev/null', '/dev/pts/ptmx', '/proc/self/stat', '/']) {
      const [ours, nodes] = [statAt(nowhere, place), lstatSync(place)]
      for (const field of fields) expect(ours?.[field], `${field} of ${place}`).to.equal(nodes[field])
      for (const type of types) expect(ours?.[type](), `${type} of ${place}`).to.equal(nodes[type]())
    }
  })

  it('has nothing to say of what is not there', () => {
    using lab = temporary()
    writeFileSync(join(lab.path, 'file'), '')
    expect(statAt(nowhere, join(lab.path, 'none'))).to.equal(undefined)
    expect(statAt(nowhere, join(lab.path, 'file/none'))).to.equal(undefined)
    expect(() => statAt(nowhere, join(lab.path, 'x'.repeat(300)))).to.throw('ENAMETOOLONG')
  })
})
