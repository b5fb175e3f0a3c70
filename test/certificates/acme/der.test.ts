import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { certificateRequest, renewalId } from '../../../src/certificates/acme/der.js'
import { must } from '../../run.js'
import { Authority } from '../authority.js'

describe('requests in DER', function () {
  this.timeout(20_000)
  let authority: Authority
  before(async () => {
    authority = await Authority.open()
  })
  after(() => authority[Symbol.asyncDispose]())

  it('are what openssl reads, however many names they have', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    for (const count of [1, 3, 90]) {
      const names = Array.from({ length: count }, (_, at) => `host-${String(at)}.example.org`)
      const said = await authority.read(certificateRequest(names, privateKey, publicKey))
      expect(said).to.include('prime256v1').and.include('ecdsa-with-SHA256')
      expect(said.match(/DNS:[a-z0-9.-]+/g)).to.deep.equal(names.map((name) => `DNS:${name}`))
    }
  })

  it('name a certificate by who issued it, and its number', async () => {
    const root = await authority.issue(null, { subject: '/CN=Root', authority: true })
    const { cert } = await authority.issue(root, { names: ['a.example.org'] })
    const leaf = new X509Certificate(cert)
    const said = await must('openssl', ['x509', '-noout', '-ext', 'authorityKeyIdentifier'], { input: cert })
    const [, key = ''] = /([0-9A-F]{2}(?::[0-9A-F]{2})+)/.exec(said) ?? []
    const id = renewalId(leaf)
    const [left = '', right = ''] = id?.split('.') ?? []
    expect(Buffer.from(left, 'base64url').toString('hex').toUpperCase()).to.equal(key.replaceAll(':', ''))
    const serial = Buffer.from(right, 'base64url')
    expect(BigInt(`0x${serial.toString('hex')}`)).to.equal(BigInt(`0x${leaf.serialNumber}`))
    expect((serial[0] ?? 0) < 0x80, 'it is no negative number').to.equal(true)
    // the number of the example in RFC 9773 §4.1 has its first bit set
    const raw = leaf.raw
    expect(renewalId({ raw, serialNumber: '8765432' })?.split('.')[1]).to.equal('CHZUMg')
    expect(renewalId({ raw, serialNumber: '87654321' })?.split('.')[1]).to.equal('AIdlQyE')
  })

  it('of one that does not say who issued it have no name', () => {
    expect(renewalId({ raw: Buffer.from('0603551d23', 'hex'), serialNumber: '01' })).to.equal(null)
    expect(renewalId({ raw: Buffer.alloc(0), serialNumber: '01' })).to.equal(null)
  })
})
