import { expect } from 'chai'
import { CertificateChoice, planeStateOf } from '../../src/router/plane-state.js'
import { Table } from '../../src/router/table.js'
import type { Certificate } from '../../src/store/certificates.js'
import type { Route } from '../../src/store/routes.js'

const target = { id: 'c1', process: 'web.1', host: '10.0.0.1', port: 5000 }
const route = (name: string, more: Partial<Route> = {}): Route => ({
  ...{ app: `id-${name}`, name, hosts: [`${name}.test`], targets: [target], version: 1 },
  ...more,
})
const certificate = (
  id: string,
  names: string[],
  app: string | null,
  more: Partial<Certificate> = {},
): Certificate => ({
  ...{ id, names, app, chain: `chain ${id}`, key: `key ${id}`, source: 'own', notBefore: 0, notAfter: 9e15 },
  ...more,
})

function stateOf(routes: Route[], certificates: Certificate[] = [], choice?: CertificateChoice) {
  const table = new Table(() => undefined)
  table.replace(routes)
  const sources = {
    routes: table.routes(),
    ownerOf: (host: string) => table.ownerOf(host),
    api: 'berth.test',
    certificates,
  }
  return planeStateOf(sources, choice)
}

describe('what a data plane is told', () => {
  it('is to lead to apps that want nothing else, and to leave all others to the router', () => {
    const { plain, secure, targets } = stateOf([
      route('fast', { hosts: ['fast.test', '*.fast.example'] }),
      route('ruled', { rules: { maintenance: true } }),
      route('empty', { targets: [], away: 'not-pushed' }),
      route('later', { more: true } as Partial<Route>),
      route('shared', { hosts: ['shared.test', 'shared.example'] }),
      route('below', { paths: [{ host: 'shared.test', path: '/api', root: 'id-shared' }] }),
      route('moved', {
        hosts: ['moved.test', 'www.moved.test'],
        https: true,
        redirects: { 'www.moved.test': 'moved.test' },
      }),
      route('thief', { hosts: ['fast.test', 'berth.test'] }),
    ])
    expect(Object.fromEntries(secure)).to.deep.equal({
      ...{
        'berth.test': null,
        'fast.test': 'id-fast',
        '*.fast.example': 'id-fast',
        'ruled.test': null,
        'empty.test': null,
      },
      ...{ 'later.test': null, 'shared.test': null, 'shared.example': 'id-shared', 'below.test': 'id-below' },
      ...{ 'moved.test': 'id-moved', 'www.moved.test': null },
    })
    expect(plain.get('moved.test'), 'sent on to HTTPS').to.equal(null)
    expect(plain.get('fast.test')).to.equal('id-fast')
    expect([...targets.keys()].sort()).to.deep.equal(['id-below', 'id-fast', 'id-moved', 'id-shared'])
  })

  it('is to lead to apps that have ports, too, which are the router’s whatever is before it', () => {
    const ports = [{ port: 5432, protocol: 'tcp', to: 5432, type: 'db' }] as const
    const { secure, targets } = stateOf([route('db', { ports, others: [{ ...target, id: 'c2', process: 'db.1' }] })])
    expect(secure.get('db.test')).to.equal('id-db')
    expect(targets.get('id-db')).to.deep.equal([target])
  })

  it('is to show each hostname the certificate of who has it', () => {
    const { certificates } = stateOf(
      [
        route('blog', { hosts: ['blog.test', 'blog.example', 'no.example'] }),
        route('shop', { hosts: ['any.blog.example'] }),
      ],
      [
        certificate('own', ['blog.example'], 'id-blog'),
        certificate('all', ['blog.example', '*.test', 'unclaimed.example'], null),
        certificate('other', ['blog.example', 'no.example', '*.blog.example'], 'id-other'),
        certificate('wild', ['*.blog.example'], 'id-shop'),
        certificate('../odd', ['no.example'], 'id-blog'),
      ],
    )
    expect(Object.fromEntries(certificates.map(({ id, hosts }) => [id, hosts]))).to.deep.equal({
      own: ['blog.example'],
      all: ['*.test', 'berth.test', 'blog.test', 'unclaimed.example'],
      wild: ['any.blog.example'],
    })
  })

  it('is the same list of certificates until one, a hostname, or the time is another', () => {
    const [routes, all] = [[route('blog')], [certificate('one', ['blog.test'], 'id-blog')]]
    const choice = new CertificateChoice()
    const first = stateOf(routes, all, choice).certificates
    expect(stateOf(routes, [...all], choice).certificates).to.equal(first)
    const renewed = stateOf(
      routes,
      [certificate('one', ['blog.test'], 'id-blog', { chain: 'next' })],
      choice,
    ).certificates
    expect(renewed.map(({ chain }) => chain)).to.deep.equal(['next'])
    expect(stateOf([route('shop', { hosts: ['blog.test'] })], all, choice).certificates).to.deep.equal([])
    const late = new CertificateChoice()
    const owners = new Map([['blog.test', 'id-blog']])
    const old = certificate('old', ['blog.test'], 'id-blog', { notAfter: 2_000_000 })
    const next = certificate('next', ['blog.test'], 'id-blog', { notBefore: 1_030_000, notAfter: 1_900_000 })
    expect(late.of([old, next], owners, 1_000_000).map(({ id }) => id)).to.deep.equal(['old'])
    expect(late.of([old, next], owners, 2_100_000).length).to.equal(1)
  })
})
