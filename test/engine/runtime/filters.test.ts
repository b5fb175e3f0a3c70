import { expect } from 'chai'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rememberFilter, withFilter } from '../../../src/engine/runtime/filters.js'

describe('a compiled system call filter', () => {
  const annotation = 'run.oci.seccomp_bpf_data'
  let dir: string
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'berth-filters-'))))
  after(() => rm(dir, { recursive: true }))

  /** A configuration with a filter of its own. */
  const spec = (name: string) => ({ annotations: { kept: 'yes' }, linux: { seccomp: { name }, more: 1 }, process: 'p' })
  const compile = async (name: string): Promise<string> => {
    const path = join(dir, name)
    await writeFile(path, `compiled ${name}`)
    return path
  }

  it('is given to the next container that has the same, and to no other', async () => {
    expect(withFilter(spec('a'))).to.deep.equal(spec('a'))
    await rememberFilter(spec('a'), await compile('a'))
    const { annotations, ...rest } = withFilter(spec('a'))
    expect(annotations).to.deep.equal({ kept: 'yes', [annotation]: Buffer.from('compiled a').toString('base64') })
    expect(rest).to.deep.equal({ linux: spec('a').linux, process: 'p' })
    expect(withFilter(spec('b'))).to.deep.equal(spec('b'))
  })

  it('is not made up where there is none', async () => {
    const unconfined = { linux: {} }
    await rememberFilter(unconfined, await compile('none'))
    expect(withFilter(unconfined)).to.deep.equal(unconfined)
    await rememberFilter(spec('gone'), join(dir, 'nosuch'))
    expect(withFilter(spec('gone'))).to.deep.equal(spec('gone'))
    await writeFile(join(dir, 'empty'), '')
    await rememberFilter(spec('empty'), join(dir, 'empty'))
    expect(withFilter(spec('empty'))).to.deep.equal(spec('empty'))
  })

  it('is forgotten when many came after it', async () => {
    for (let n = 0; n < 16; n++) await rememberFilter(spec(`n${String(n)}`), await compile(`n${String(n)}`))
    expect(withFilter(spec('a'))).to.deep.equal(spec('a'))
    expect(withFilter(spec('n15')).annotations).to.have.property(annotation)
  })
})
