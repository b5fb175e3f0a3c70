import { readdir, readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { EngineError } from '../../../src/engine/errors.js'
import { orMissing } from '../../../src/engine/system/missing.js'

describe('what stands for what is missing', () => {
  it('is given where a file, or a path to it, is not there', async () => {
    expect(await readFile('/nowhere/at-all', 'utf8').catch(orMissing('none'))).to.equal('none')
    expect(await readdir('/etc/hostname/x').catch(orMissing([]))).to.deep.equal([])
  })

  it('is given where the engine has no such thing', () => {
    expect(orMissing('none')(new EngineError('missing', 'No such container: x'))).to.equal('none')
  })

  it('hides nothing that is there and cannot be read', async () => {
    const failure = await readFile('/etc', 'utf8').catch(orMissing('none')).catch(String)
    expect(failure).to.include('EISDIR')
    expect(() => orMissing('none')(new EngineError('broken', 'the disk'))).to.throw('the disk')
  })
})
