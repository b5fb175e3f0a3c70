import { Readable } from 'node:stream'
import { expect } from 'chai'
import { finished, progressOf } from '../../src/engine-client/progress.js'
import { failure } from './rig.js'

describe('what an engine was asked to do', () => {
  const told = (...lines: string[]) => progressOf(Readable.from(lines.map((line) => Buffer.from(`${line}\n`))))

  it('is finished at the end of its messages', async () => {
    expect(await failure(finished(told('{"stream":"a"}', '{"status":"b"}')))).to.equal(null)
  })

  it('has failed in the engine’s words, an empty one too, and what comes after is not read', async () => {
    expect(await failure(finished(told('{"error":" no space \\n"}', 'rubbish')))).to.include({ message: 'no space' })
    expect(await failure(finished(told('{"error":""}')))).to.be.instanceOf(Error)
  })

  it('has failed when the engine hangs up', async () => {
    const cut = new Readable({ read: () => undefined })
    cut.push('{"stream":"a"}\n')
    const end = finished(progressOf(cut))
    cut.destroy(new Error('aborted'))
    expect(await failure(end)).to.include({ message: 'aborted' })
  })
})
