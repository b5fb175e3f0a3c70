import { expect } from 'chai'
import { carryOut } from '../../src/certificates/order.js'
import { newJob } from '../../src/certificates/wanted.js'
import type { TxtRecords } from '../../src/certificates/dns/records.js'
import { BerthError, is, messageOf } from '../../src/errors.js'
import { storeRig, type StoreRig } from '../store/rig.js'
import { makeLiarKeys, startLiar, type Liar, type LiarKeys } from './liar.js'

const host = 'a.example.org'

describe('a certificate from a CA that cannot be relied on', function () {
  this.timeout(30_000)
  let rig: StoreRig
  let app = ''
  let keys: LiarKeys
  before(async () => {
    keys = await makeLiarKeys()
    rig = await storeRig()
    app = (await rig.store.apps.create('ordered')).id
  })
  after(async () => {
    await keys[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** One attempt; what it was refused with, or null. */
  const attempt = async (liar: Liar, patience = 10_000, profile?: string): Promise<string | null> => {
    const { store } = rig
    const authority = { directory: liar.directory, ca: liar.ca, profile }
    await store.acme.begin(newJob(app, host, liar.directory))
    const job = await store.acme.job({ app, host })
    if (job === null) throw new Error('it was begun')
    const deps = { authority, store, signal: new AbortController().signal, pace: 5, patience }
    return carryOut(deps, job).then(
      () => null,
      (error: unknown) => {
        if (!is(error, 'conflict') && !is(error, 'unavailable') && !is(error, 'invalid')) throw error
        return messageOf(error)
      },
    )
  }
  const fresh = async (): Promise<Liar> => {
    await rig.store.acme.forget({ app, host })
    return startLiar(keys)
  }
  const isOver = async () => (await rig.store.acme.job({ app, host }))?.order === null

  it('comes where nothing is wrong, and the CA hears who asks', async () => {
    await using liar = await fresh()
    expect(await attempt(liar)).to.equal(null)
    expect([...liar.agents].every((agent) => /^Berth\/\S+ \(ACME\)$/.test(agent ?? ''))).to.equal(true)
    expect(liar.asked.get('/odd'), 'what it does not know it leaves alone').to.equal(undefined)
  })

  const wrong: Record<string, readonly [path: string, said: (liar: Liar) => unknown, words: RegExp]> = {
    'a directory that is a page': ['/dir', () => '<html>', /answers with what is no answer/],
    'a directory with half of it': [
      '/dir',
      ({ url }) => ({ newNonce: `${url}/nonce` }),
      /a URL of localhost:\d+ is missing/,
    ],
    'a directory that leads elsewhere': [
      ...(['/dir', () => ({ newNonce: 'https://169.254.169.254/', newAccount: 'x', newOrder: 'x' })] as const),
      /a URL of localhost:\d+ is missing/,
    ],
    'an order without a list': [
      '/order',
      () => ({ status: 'pending', authorizations: 'x', finalize: 'x' }),
      /a list is missing/,
    ],
    'an order of no known status': [
      '/order',
      ({ url }) => ({ status: 'odd', authorizations: [], finalize: `${url}/f` }),
      /is odd/,
    ],
    'no http-01': [
      '/authz',
      () => ({ status: 'pending', identifier: { value: 'x' }, challenges: [] }),
      /offers no http-01/,
    ],
    'a token that is a path': [
      '/authz',
      ({ url }) => ({
        ...{ status: 'pending', identifier: { value: 'x' } },
        challenges: [{ type: 'http-01', status: 'pending', url: `${url}/challenge`, token: '../../etc/passwd' }],
      }),
      /offers no http-01/,
    ],
    'a certificate that is none': ['/cert', () => 'hello', /not what was ordered: the chain holds no certificate/],
    'an answer without an end': ['/cert', () => 'x'.repeat(300_000), /its answer is too long/],
  }
  for (const [what, [path, said, words]] of Object.entries(wrong))
    it(`fails with ${what}`, async () => {
      await using liar = await fresh()
      liar.say(path, () => ({ body: said(liar) }))
      expect(await attempt(liar)).to.match(words)
    })

  it('is not taken for another key, another hostname, or when it is over', async () => {
    await using liar = await fresh()
    const { authority, root } = liar
    const other = await authority.issue(root, { names: [host] })
    liar.say('/cert', () => ({ body: other.cert + root.cert }))
    expect(await attempt(liar)).to.match(/the key does not belong to the certificate/)
    expect(await isOver(), 'the next attempt begins anew').to.equal(true)

    await using stranger = await fresh()
    let request = Buffer.alloc(0)
    stranger.say('/finalize', ({ payload }) => {
      request = Buffer.from(payload.csr as string, 'base64url')
      stranger.say('/order', () => ({
        body: {
          status: 'valid',
          authorizations: [],
          finalize: `${stranger.url}/f`,
          certificate: `${stranger.url}/cert`,
        },
      }))
      return {}
    })
    stranger.say('/cert', async () => ({
      body: await stranger.authority.sign(stranger.root, request, ['evil.example']),
    }))
    expect(await attempt(stranger)).to.equal('what the CA issued is for evil.example, not for a.example.org')
  })

  it('waits for a CA that stalls so long and no longer, and goes on with the same order', async () => {
    await using liar = await fresh()
    liar.say('/finalize', () => ({ status: 502, body: 'later' }))
    expect(await attempt(liar)).to.match(/HTTP 502/)
    const order = (await rig.store.acme.job({ app, host }))?.order
    expect(order).to.equal(`${liar.url}/order`)
    liar.say('/order', () => null)
    expect(await attempt(liar, 300)).to.equal('the CA takes its time: there is no certificate yet')
    expect((await rig.store.acme.job({ app, host }))?.order).to.equal(order)
    expect(liar.asked.get('/new'), 'one order').to.equal(1)
  })

  it('gives up on nonces that are refused for ever, and takes a new one each time', async () => {
    await using liar = await fresh()
    const nonces = new Set<string>()
    liar.say('/account', ({ body }) => {
      const head = JSON.parse(body) as { protected: string }
      nonces.add((JSON.parse(Buffer.from(head.protected, 'base64url').toString()) as { nonce: string }).nonce)
      return { status: 400, body: { type: 'urn:ietf:params:acme:error:badNonce', detail: 'no' } }
    })
    expect(await attempt(liar)).to.equal('the CA refuses: no')
    expect([nonces.size, liar.asked.get('/account')]).to.deep.equal([25, 25])
  })

  it('makes its account again where the CA has lost it', async () => {
    await using liar = await fresh()
    expect(await attempt(liar)).to.equal(null)
    await rig.store.acme.forget({ app, host })
    liar.say('/new', ({ times }) =>
      times === 2
        ? { status: 400, body: { type: 'urn:ietf:params:acme:error:accountDoesNotExist', detail: 'who?' } }
        : { status: 201, headers: { location: `${liar.url}/order` } },
    )
    expect(await attempt(liar)).to.equal(null)
    expect(liar.asked.get('/account')).to.equal(2)
  })

  it('has what a CA says shown as it is, in one line, and harmless', async () => {
    await using liar = await fresh()
    liar.say('/new', () => ({
      status: 403,
      body: {
        type: 'urn:ietf:params:acme:error:rejectedIdentifier',
        detail: `no\n\u001b]0;title\u0007${'x'.repeat(400)}`,
        subproblems: [{ detail: 'because' }],
      },
    }))
    const said = (await attempt(liar)) ?? ''
    expect(said).to.match(/^the CA refuses: no x{297}; because$/)
    liar.say('/new', () => ({ status: 502, body: '<html>' }))
    expect(await attempt(liar)).to.match(/^the CA at localhost:\d+ answers with HTTP 502 and no reason$/)
  })

  it('names a profile where the CA has several, and says which there are', async () => {
    await using liar = await fresh()
    const { url } = liar
    const meta = { profiles: { shortlived: '', classic: '' } }
    liar.say('/dir', () => ({
      body: { newNonce: `${url}/nonce`, newAccount: `${url}/account`, newOrder: `${url}/new`, meta },
    }))
    const profiles: unknown[] = []
    liar.say('/new', ({ payload }) => {
      profiles.push(payload.profile)
      return { status: 201, headers: { location: `${url}/order` } }
    })
    expect(await attempt(liar)).to.equal(null)
    await rig.store.acme.forget({ app, host })
    await attempt(liar, 10_000, 'shortlived')
    expect(profiles).to.deep.equal(['classic', 'shortlived'])
    await rig.store.acme.forget({ app, host })
    expect(await attempt(liar, 10_000, 'odd')).to.equal('the CA has no certificates of profile "odd"')
  })

  it('is not asked for where somebody else answers in the CA’s place', async () => {
    await using liar = await fresh()
    expect(await attempt({ ...liar, ca: keys.root.cert })).to.match(/cannot be asked: self-signed certificate/)
  })

  describe('for a wildcard', () => {
    const wildcard = '*.b.example.org'
    const pending = (liar: Liar, status = 'pending') => ({
      ...{ status, identifier: { type: 'dns', value: 'b.example.org' } },
      challenges: [{ type: 'dns-01', url: `${liar.url}/challenge`, status: 'pending', token: 'tok' }],
    })

    /** One attempt; what was done at whose DNS. @param fails whether nothing can be removed */
    const attempt = async (liar: Liar, fails = false): Promise<{ did: string[]; failure: string; over: boolean }> => {
      const { store } = rig
      await store.acme.forget({ app, host: wildcard })
      await store.acme.begin(newJob(app, wildcard, liar.directory))
      const job = await store.acme.job({ app, host: wildcard })
      if (job === null) throw new Error('it was begun')
      const did: string[] = []
      const dns: TxtRecords = {
        isThere: () => Promise.resolve(true),
        add: (name) => Promise.resolve(void did.push(`add ${name}`)),
        remove: (name) => {
          did.push(`remove ${name}`)
          return fails ? Promise.reject(new BerthError('unavailable', 'the DNS is away')) : Promise.resolve()
        },
      }
      const authority = { directory: liar.directory, ca: liar.ca }
      const deps = { authority, store, dns, signal: new AbortController().signal, pace: 5, patience: 2_000 }
      const failure = await carryOut(deps, job).then(() => 'none', messageOf)
      return { did, failure, over: (await store.acme.job({ app, host: wildcard }))?.order === null }
    }
    const [added, removed] = ['add _acme-challenge.b.example.org', 'remove _acme-challenge.b.example.org']

    it('leaves no record where the CA refuses to look, whether the DNS is there or not', async () => {
      for (const fails of [false, true]) {
        await using liar = await fresh()
        liar.say('/authz', () => ({ body: pending(liar) }))
        liar.say('/challenge', () => ({
          status: 403,
          body: { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not you' },
        }))
        const { did, failure, over } = await attempt(liar, fails)
        expect([did, over]).to.deep.equal([[added, removed], true])
        expect(failure, 'why is what the CA says').to.match(/not you/)
      }
    })

    for (const status of ['valid', 'invalid'])
      it(`takes away what was left where it has become ${status} while no worker was there`, async () => {
        await using liar = await fresh()
        liar.say('/authz', () => ({ body: pending(liar, status) }))
        expect((await attempt(liar)).did).to.deep.equal([removed])
      })

    it('leaves its record while the CA may still look', async () => {
      await using liar = await fresh()
      liar.say('/authz', () => ({ body: pending(liar) }))
      const { did, over } = await attempt(liar)
      expect([did, over]).to.deep.equal([[added], false])
    })
  })
})
