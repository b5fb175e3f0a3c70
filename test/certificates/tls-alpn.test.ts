import { once } from 'node:events'
import { connect } from 'node:tls'
import { expect } from 'chai'
import { proofTypeOf } from '../../src/certificates/proofs.js'
import { ShownCertificates } from '../../src/router/shown.js'
import { TlsChallenges } from '../../src/router/tls-challenges.js'
import { tlsAnswerChanges, tlsProtocol } from '../../src/store/acme.js'
import type { TestRouter } from '../router/parts.js'
import { fallback, greet, secure, tickets } from '../router/secure-rig.js'
import { certifierRig, type CertifierRig } from './rig.js'

describe('a hostname that is proven in a handshake', function () {
  this.timeout(30_000)
  const host = 'shop.example.org'

  /** A router that hears of what is to be shown, and a CA that asks it. */
  const open = async () => {
    const challenges = new TlsChallenges()
    const secrets = { certificates: new ShownCertificates(() => null), fallback, tickets, challenges }
    const web = await secure({ secrets })
    const rig = await certifierRig({ tlsPort: web.front.port })
    const { acme, notifications } = rig.store
    const hear = (): unknown => acme.tlsAnswers().then((all) => challenges.replace(all))
    await notifications.subscribe(tlsAnswerChanges, () => void hear())
    return {
      ...{ rig, challenges, front: web.front },
      [Symbol.asyncDispose]: async () => {
        await rig[Symbol.asyncDispose]()
        await web[Symbol.asyncDispose]()
      },
    }
  }
  /** How often the CA has looked. */
  const looks = ({ pebble }: CertifierRig, words: string): number =>
    pebble.log.filter((line) => line.includes(words)).length
  const [byHttp, byAny] = ['Attempting to validate w/ HTTP', 'Pulled a task from the Tasks queue']

  /** What a CA sees. */
  const look = async (front: TestRouter, servername: string): Promise<string> => {
    const options = { host: '127.0.0.1', port: front.port, rejectUnauthorized: false, ALPNProtocols: [tlsProtocol] }
    const socket = connect({ ...options, servername })
    const seen = await once(socket, 'secureConnect').then(
      () => String(socket.getPeerX509Certificate()?.subjectAltName),
      (error: unknown) => (error as Error).message,
    )
    socket.destroy()
    return seen
  }

  it('is, where what it answers by HTTP is refused, and again at its renewal; a real CA issues the certificate', async () => {
    await using it = await open()
    const { rig, front } = it
    rig.web.removeAllListeners('request').on('request', (_, response) => response.writeHead(403).end('a firewall'))
    const app = await rig.app('shop', host)
    await using certifier = await rig.certifier({ tlsPort: front.port, gaps: [20] })
    expect(certifier).to.be.an('object')
    const job = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
    expect([job.proof, job.refused, job.failure]).to.deep.equal(['tls-alpn-01', null, null])
    expect((await rig.store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal([host])
    expect(await rig.store.acme.tlsAnswers(), 'nothing is left').to.deep.equal(new Map())
    expect(await look(front, host)).to.match(/alert no application protocol/i)
    const [before, asked] = [rig.pebble.issued(), looks(rig, byHttp)]
    expect(asked).to.be.greaterThan(0)
    await rig.store.acme.update(job, { renew: 0, next: 0 })
    await rig.store.acme.notify()
    const again = await rig.job(app, host, ({ renew, order }) => (renew ?? 0) > 0 && order === null)
    expect([again.failures, rig.pebble.issued() - before], 'at the first attempt').to.deep.equal([0, 1])
    expect(looks(rig, byHttp), 'by what worked').to.equal(asked)
  })

  it('shows nothing of it to other clients, and nothing of another hostname to the CA', async () => {
    await using it = await open()
    const { rig, front, challenges } = it
    await rig.store.acme.answerTls(host, Buffer.alloc(32, 7))
    while ((await look(front, host)) !== `DNS:${host}`);
    expect(await look(front, 'SHOP.example.org')).to.equal(`DNS:${host}`)
    expect(await look(front, 'other.example.org')).to.match(/alert no application protocol/i)
    for (const ALPNProtocols of [['h2', tlsProtocol], ['http/1.1'], []]) {
      const socket = await greet(front, { servername: host, ALPNProtocols })
      expect(socket.getPeerX509Certificate()?.subjectAltName, ALPNProtocols.join()).to.equal('DNS:berth.test')
      expect(socket.alpnProtocol).to.equal(ALPNProtocols.length === 0 ? false : ALPNProtocols[0])
      socket.destroy()
    }
    const kept = challenges.contextFor(host)
    challenges.replace(new Map([[host, Buffer.alloc(32, 7)]]))
    expect(challenges.contextFor(host), 'made once').to.equal(kept)
    challenges.replace(new Map([[host, Buffer.alloc(32, 8)]]))
    expect(challenges.contextFor(host)).to.not.equal(kept)
  })

  it('is no way where the router does not show it: the CA is not asked to look, and HTTP is tried next', async () => {
    await using rig = await certifierRig()
    const app = await rig.app('away', host)
    await using certifier = await rig.certifier({ tlsPort: 1, first: 'tls-alpn-01', hearing: 300, gaps: [600_000] })
    expect(certifier).to.be.an('object')
    const job = await rig.job(app, host, ({ failures }) => failures === 1)
    expect(job.failure).to.include('the router does not show the proof')
    expect([job.refused, looks(rig, byAny)]).to.deep.equal(['tls-alpn-01', 0])
    expect(await rig.store.acme.tlsAnswers(), 'nothing is left').to.deep.equal(new Map())
    await rig.store.acme.update(job, { next: 0 })
    await rig.store.acme.notify()
    const done = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
    expect(done.failures).to.equal(0)
    expect(looks(rig, byHttp)).to.be.greaterThan(0)
  })

  it('comes in turn with HTTP, what worked first', () => {
    const tls = { tlsPort: 443 }
    const [http, alpn, dns] = ['http-01', 'tls-alpn-01', 'dns-01'] as const
    expect(proofTypeOf({ host }, tls)).to.equal(http)
    expect(proofTypeOf({ host }, { ...tls, first: alpn })).to.equal(alpn)
    expect(proofTypeOf({ host, refused: http }, tls)).to.equal(alpn)
    expect(proofTypeOf({ host, refused: alpn }, tls)).to.equal(http)
    expect(proofTypeOf({ host, proof: alpn, refused: null }, tls)).to.equal(alpn)
    expect(proofTypeOf({ host, proof: alpn, refused: alpn }, tls)).to.equal(http)
    expect(proofTypeOf({ host, refused: http }, {}), 'no HTTPS').to.equal(http)
    expect(proofTypeOf({ host: `*.${host}`, proof: http }, tls)).to.equal(dns)
  })
})
