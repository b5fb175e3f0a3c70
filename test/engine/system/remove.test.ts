import { expect } from 'chai'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeTree } from '../../../src/engine/system/remove.js'

describe('removing a tree', () => {
  let dir: string
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'berth-remove-'))))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('takes all that is in it, whatever its name, and nothing that links lead to', async () => {
    const tree = join(dir, 'tree')
    for (const path of ['a/b/c', 'd']) mkdirSync(join(tree, path), { recursive: true })
    for (let n = 0; n < 100; n++) writeFileSync(join(tree, 'a/b', String(n)), '')
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/d/`), Buffer.from([0xff, 0xfe])]), '')
    writeFileSync(join(dir, 'stays'), 'stays')
    mkdirSync(join(dir, 'full'))
    writeFileSync(join(dir, 'full/stays'), 'stays')
    symlinkSync('../stays', join(tree, 'to-file'))
    symlinkSync(join(dir, 'full'), join(tree, 'to-directory'))
    await removeTree(tree)
    expect(existsSync(tree)).to.equal(false)
    expect(readFileSync(join(dir, 'stays'), 'utf8')).to.equal('stays')
    expect(readFileSync(join(dir, 'full/stays'), 'utf8')).to.equal('stays')
  })

  it('is content with what is not there, and with another that removes it too', async () => {
    await removeTree(join(dir, 'none'))
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'a'), { recursive: true })
    for (let n = 0; n < 200; n++) writeFileSync(join(tree, 'a', String(n)), '')
    await Promise.all([removeTree(tree), removeTree(tree), removeTree(tree)])
    expect(existsSync(tree)).to.equal(false)
  })
})
