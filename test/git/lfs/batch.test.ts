import { expect } from 'chai'
import { answerBatch, parseBatch, parseObject, type BatchContext } from '../../../src/git/lfs/batch.js'
import { BerthError } from '../../../src/errors.js'

const oid = 'a'.repeat(64)
const object = { oid, size: 3 }
const refusal = (request: unknown): BerthError | null => {
  try {
    parseBatch(typeof request === 'string' ? request : JSON.stringify(request))
    return null
  } catch (error) {
    return error as BerthError
  }
}

describe('an LFS batch', () => {
  it('is read, with or without what may be left out', () => {
    const asked = { operation: 'upload' as const, objects: [object] }
    expect(parseBatch(JSON.stringify(asked))).to.deep.equal(asked)
    const all = { ...asked, transfers: ['tus', 'basic'], ref: { name: 'refs/heads/main' }, hash_algo: 'sha256' }
    expect(parseBatch(JSON.stringify(all))).to.deep.equal(asked)
    expect(parseBatch(JSON.stringify({ ...asked, ref: null, objects: [{ ...object, more: 1 }] }))).to.deep.equal(asked)
  })

  for (const [why, request, words] of [
    ['no JSON', '{', /not JSON/],
    ['no object', '[]', /operation/],
    ['null', 'null', /operation/],
    ['no operation', { objects: [object] }, /operation/],
    ['another operation', { operation: 'delete', objects: [object] }, /operation/],
    ['no objects', { operation: 'upload' }, /at least one/],
    ['none of them', { operation: 'upload', objects: [] }, /at least one/],
    ['another digest', { operation: 'upload', objects: [object], hash_algo: 'sha512' }, /sha256/],
    ['another transfer', { operation: 'upload', objects: [object], transfers: ['tus'] }, /basic/],
    ['a path for an oid', { operation: 'upload', objects: [object, { oid: '../../x', size: 1 }] }, /objects\[1\]/],
    ['upper case', { operation: 'upload', objects: [{ oid: 'A'.repeat(64), size: 1 }] }, /objects\[0\]/],
    ['a negative size', { operation: 'upload', objects: [{ oid, size: -1 }] }, /objects\[0\]/],
    ['half a byte', { operation: 'upload', objects: [{ oid, size: 0.5 }] }, /objects\[0\]/],
    ['a size of words', { operation: 'upload', objects: [{ oid, size: '3' }] }, /objects\[0\]/],
  ] as const)
    it(`is refused with ${why}`, () => {
      expect(refusal(request)).to.include({ fault: 'invalid' })
      expect(refusal(request)?.message).to.match(words)
    })

  it('names a thousand objects at most', () => {
    const many = (count: number) => ({ operation: 'download', objects: Array<object>(count).fill(object) })
    expect(refusal(many(1000))).to.equal(null)
    expect(refusal(many(1001))).to.include({ fault: 'large' })
  })

  it('is answered with what is to be sent, and nothing for what is there', async () => {
    const context: BatchContext = {
      hrefOf: (one) => `http://x/${one.oid}/${String(one.size)}`,
      header: { Authorization: 'Basic eA==' },
      has: ({ size }) => Promise.resolve(size === 3),
    }
    const objects = [object, { oid, size: 4 }]
    const actions = (name: string, size: number) => ({
      [name]: { href: `http://x/${oid}/${String(size)}`, header: { Authorization: 'Basic eA==' } },
    })
    expect((await answerBatch({ operation: 'upload', objects }, context)).objects).to.deep.equal([
      object,
      { oid, size: 4, authenticated: true, actions: actions('upload', 4) },
    ])
    const [first, second] = (await answerBatch({ operation: 'download', objects }, context)).objects
    expect(first).to.deep.equal({ ...object, authenticated: true, actions: actions('download', 3) })
    expect(second?.error?.code).to.equal(404)
  })

  it('has objects that make sense, or none', () => {
    expect(parseObject({ oid, size: 0 })).to.deep.equal({ oid, size: 0 })
    for (const wrong of [null, 7, [], {}, { oid }, { oid, size: null }, { oid: `${oid}\n`, size: 1 }])
      expect(parseObject(wrong)).to.equal(null)
  })
})
