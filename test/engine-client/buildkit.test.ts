import { createRequire } from 'node:module'
import protobuf from 'protobufjs'
import { expect } from 'chai'
import { traceText } from '../../src/engine-client/buildkit.js'
import { failure } from './rig.js'

describe('what BuildKit tells', () => {
  let encode: (status: object) => string
  before(async () => {
    const file = createRequire(import.meta.url).resolve('dockerode/lib/proto/buildkit_status.proto')
    const type = (await protobuf.load(file)).lookupType('moby.buildkit.v1.StatusResponse')
    encode = (status) => Buffer.from(type.encode(type.fromObject(status)).finish()).toString('base64')
  })

  const time = { seconds: 1, nanos: 0 }

  it('is what has begun, once, and what was said', async () => {
    const vertexes = [
      { digest: 'a', name: '[1/2] FROM debian', started: time },
      { digest: 'b', name: '[2/2] RUN x', started: time, completed: time },
      { digest: 'c', name: '[internal] load build context', started: time },
      { digest: 'd', name: 'not yet' },
    ]
    expect(await traceText(encode({ vertexes }))).to.equal('[1/2] FROM debian\n')
    const said = Buffer.from('é\x1b[31mred')
    expect(await traceText(encode({ vertexes, logs: [{ msg: said }, { msg: Buffer.from('\n') }] }))).to.equal(
      '[1/2] FROM debian\né\x1b[31mred\n',
    )
  })

  it('is nothing where it says nothing', async () => {
    expect(await traceText(encode({}))).to.equal('')
    expect(await traceText('')).to.equal('')
  })

  it('is refused where it is something else', async () => {
    expect(await failure(traceText(Buffer.alloc(64, 0xff).toString('base64')))).to.be.instanceOf(Error)
  })
})
