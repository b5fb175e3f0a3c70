import { X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { namesOf, readCertificate } from '../../src/certificates/read.js'
import { BerthError } from '../../src/errors.js'
import { Authority, type Issued } from './authority.js'

describe('a chain and its key', function () {
  this.timeout(30_000)
  let authority: Authority
  let root: Issued
  let middle: Issued
  let leaf: Issued
  before(async () => {
    authority = await Authority.open()
    root = await authority.issue(null, { subject: '/CN=Root', authority: true })
    middle = await authority.issue(root, { subject: '/CN=Middle', authority: true })
    leaf = await authority.issue(middle, { names: ['Shop.example.org', '*.example.org'], subject: '/CN=shop' })
  })
  after(() => authority[Symbol.asyncDispose]())

  const refused = (chain: string, key: string): string => {
    try {
      readCertificate(chain, key)
    } catch (error) {
      expect(error).to.be.instanceOf(BerthError).and.include({ fault: 'invalid' })
      expect(JSON.stringify(error) + (error as Error).message, 'no key in an error').to.not.match(/[A-Za-z0-9+/]{40}/)
      return (error as Error).message
    }
    return 'accepted'
  }

  it('are taken where they belong together, whatever stands around them', () => {
    const chain = leaf.cert + middle.cert
    const read = readCertificate(chain, leaf.key)
    expect(read.names).to.deep.equal(['shop.example.org', '*.example.org'])
    expect(read.chain.match(/BEGIN CERTIFICATE/g)).to.have.length(2)
    expect(read.notAfter - read.notBefore).to.equal(10 * 86_400_000)
    const noisy = `Bag Attributes\r\n  x: y\r\n${chain.replaceAll('\n', '\r\n')}\n\n# the end`
    expect(readCertificate(noisy, `${leaf.key}\n`)).to.deep.equal(read)
    expect(readCertificate(chain + root.cert, leaf.key).names).to.deep.equal(read.names)
  })

  it('may be of RSA, and vouch for themselves', async () => {
    const rsa = await authority.issue(null, {
      names: ['a.example'],
      algorithm: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    })
    expect(readCertificate(rsa.cert, rsa.key).names).to.deep.equal(['a.example'])
  })

  it('are refused with what is wrong with the key', async () => {
    const chain = leaf.cert + middle.cert
    expect(refused(chain, await authority.encrypt(leaf, 'pkey'))).to.equal('the key is encrypted')
    expect(refused(chain, await authority.encrypt(leaf, 'ec'))).to.equal('the key is encrypted')
    expect(refused(chain, root.key)).to.equal('the key does not belong to the certificate')
    expect(refused(chain, chain)).to.equal('there is no private key in PEM in what was given as the key')
    expect(refused(chain, '')).to.match(/^there is no private key/)
    expect(refused(chain, leaf.key + root.key)).to.match(/^there are 2 private keys/)
    expect(refused(chain, leaf.key.replace(/\n.{8}/, '\nAAAAAAAA'))).to.equal('the key cannot be read')
    expect(refused(chain, 'x'.repeat(200_000))).to.equal('the key is longer than 100 kB')
    const weak = await authority.issue(null, {
      names: ['a.example'],
      algorithm: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
    })
    expect(refused(weak.cert, weak.key)).to.equal('the key has 1024 bits')
  })

  it('are refused with what is wrong with the chain', async () => {
    expect(refused('', leaf.key)).to.equal('the chain holds no certificate')
    expect(refused('\u0030\u0082', leaf.key)).to.equal('the chain holds no certificate')
    expect(refused(leaf.cert + leaf.key, leaf.key)).to.equal('the chain holds a private key')
    expect(refused(leaf.cert.replaceAll('CERTIFICATE', 'PKCS7'), leaf.key)).to.equal('the chain holds a PKCS7')
    expect(refused(leaf.cert.replace(/\n.{30}/, '\nAAAA'), leaf.key)).to.equal(
      'certificate 1 of the chain cannot be read',
    )
    expect(refused(middle.cert + leaf.cert, leaf.key)).to.equal(
      'the chain is out of order: the key belongs to certificate 2, shop',
    )
    expect(refused(leaf.cert + root.cert + middle.cert, leaf.key)).to.equal(
      'the chain is out of order: shop is not issued by the next, Root',
    )
    expect(refused(leaf.cert + root.cert, leaf.key)).to.equal('Root in the chain did not issue shop')
    const namesake = await authority.issue(root, { subject: '/CN=Middle', authority: true })
    expect(refused(leaf.cert + namesake.cert, leaf.key)).to.equal('Middle in the chain did not issue shop')
    expect(refused(leaf.cert.repeat(11), leaf.key)).to.equal('the chain is of 11 certificates')
    const [old, nameless] = [
      await authority.issue(middle, { names: ['a.example'], days: -1 }),
      await authority.issue(middle, { subject: '/CN=a.example' }),
    ]
    expect(refused(old.cert, old.key)).to.match(/^the certificate has expired on \d{4}-\d\d-\d\d$/)
    expect(refused(nameless.cert, nameless.key)).to.equal('the certificate names no host')
    const over = await authority.issue(root, { subject: '/CN=Over', authority: true, days: -1 })
    const young = await authority.issue(over, { names: ['a.example'] })
    expect(refused(young.cert + over.cert, young.key)).to.equal('a certificate of the chain has expired: Over')
  })

  it('name hosts, and nothing that only looks like one', async () => {
    const odd = await authority.issue(null, { names: ['a.example', 'b_c', '*.x.*.example', 'A.example', 'com'] })
    expect(namesOf(new X509Certificate(odd.cert))).to.deep.equal(['a.example'])
  })
})
