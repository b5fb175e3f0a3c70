import { createHash } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { expect } from 'chai'
import { javaTrustStore } from '../../../src/engine/build/java-trust.js'

describe("a bundle of certificates as Java's trust store", () => {
  it('has all of them, each under a name of its own, and the digest that Java looks for', () => {
    const some = rootCertificates.slice(0, 3)
    const store = javaTrustStore(`# a comment\n${some.join('\n')}\n`)
    expect([store.readUInt32BE(0), store.readUInt32BE(4), store.readUInt32BE(8)]).to.deep.equal([0xfeedfeed, 2, 3])
    let at = 12
    const take = (bytes: number): Buffer => store.subarray(at, (at += bytes))
    const word = (): string => take(take(2).readUInt16BE()).toString()
    for (const [index, pem] of some.entries()) {
      expect(take(4).readUInt32BE(), 'a trusted certificate').to.equal(2)
      expect(word()).to.equal(`berth-${String(index)}`)
      take(8)
      expect(word()).to.equal('X.509')
      const der = take(take(4).readUInt32BE())
      expect(der.toString('base64')).to.equal(pem.replaceAll(/-----.*-----|\s/g, ''))
    }
    const salt = Buffer.from('\0c\0h\0a\0n\0g\0e\0i\0tMighty Aphrodite')
    const digest = createHash('sha1').update(salt).update(store.subarray(0, at)).digest()
    expect(take(20).equals(digest)).to.equal(true)
    expect(at).to.equal(store.length)
  })
})
