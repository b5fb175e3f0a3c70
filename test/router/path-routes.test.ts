import { posix } from 'node:path'
import { expect } from 'chai'
import { PathRoutes, readTarget } from '../../src/router/path-routes.js'

const routes = new PathRoutes<string>()
const root = 'r'
routes.put('x.test', { path: '/api', root, strip: false, lead: 'api' })
routes.put('x.test', { path: '/api/v2', root, strip: true, lead: 'v2' })
routes.put('x.test', { path: '/old', root: 'another', strip: true, lead: 'old' })

const plain = new PathRoutes<string>()
plain.put('x.test', { path: '/api', root, strip: false, lead: 'api' })

/** Where a target leads, and as what; `no` is refused. */
const led = (target: string, of = root): string => {
  const match = routes.match('x.test', of, target)
  return match === null ? 'no' : `${match.route?.lead ?? 'root'} ${match.target}`
}

/** How servers read a path, from the most literal to the most lenient. */
const readers: readonly ((target: string) => string)[] = [
  (target) => target,
  (target) => new URL(`http://x${target}`).pathname,
  (target) => decoded(new URL(`http://x${target}`).pathname),
  (target) => posix.normalize(decoded(target.replace(/[?#].*/s, ''))),
  (target) => posix.normalize(decoded(target.replace(/[?#].*/s, '').replace(/;[^/]*/g, ''))),
  (target) => posix.normalize(decoded(target.replace(/[?#].*/s, '')).replaceAll('\\', '/')),
]
const decoded = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))

const isBelow = (path: string): boolean => /^\/api(?:[/?]|$)/.test(path)

describe('paths of a hostname that lead to other apps', () => {
  it('are whole segments, of which the longest counts', () => {
    expect(['/', '*', '/apiary', '/api-2', '/API', '/x/api'].map((one) => led(one))).to.deep.equal([
      ...['root /', 'root *', 'root /apiary', 'root /api-2', 'root /API', 'root /x/api'],
    ])
    expect(['/api', '/api?x=/../y', '/api/', '/api/v20', '/api//x'].map((one) => led(one))).to.deep.equal([
      ...['api /api', 'api /api?x=/../y', 'api /api/', 'api /api/v20', 'api /api//x'],
    ])
    expect(['/api/v2', '/api/v2?x', '/api/v2/', '/api/v2/a%2Fb?c=%2e'].map((one) => led(one))).to.deep.equal([
      ...['v2 /', 'v2 /?x', 'v2 /', 'v2 /a%2Fb?c=%2e'],
    ])
  })

  it("lead nowhere once the hostname is not the app's that let them in", () => {
    expect([led('/old'), led('/old', 'another'), led('/api', 'another')]).to.deep.equal([
      ...['root /old', 'old /', 'root /api'],
    ])
    routes.remove('x.test', 'old')
    expect(led('/old', 'another')).to.equal('root /old')
    expect(led('/api/../x', 'another'), 'where no path counts, nothing is looked at').to.equal('root /api/../x')
  })

  it('are matched as they are sent on, whatever is encoded that need not be', () => {
    expect(led('/%61pi/%7Eme/%41')).to.equal('api /api/~me/A')
    expect(led('/api/%76%32/x%20y')).to.equal('v2 /x%20y')
    expect(led('/%7Eme?%61')).to.equal('root /~me?%61')
  })

  it('refuse what one app may read so and another otherwise', () => {
    const refused = [
      ...['/api/../admin', '/api/..', '/./api', '/x/../api', '/api/%2e%2e/admin', '/api/%2E./x', '/api/.%2e'],
      ...['/api/%252e%252e/x', '/api/%25252e%25252e/x', '/%2e%2e/api', '/api/..;/x', '/api/..;a=b/x', '/api/;/../x'],
      ...['//api', '//api/x', '///api', '/%2fapi', '/api%2f..', '/api%2Fx', '/api%252fx', '/api%5cx', '/api\\x'],
      ...['\\api', '/\\api', '/%5capi', '/api\\..\\x', '/api%5c..%5cx', '/api;', '/api;a=1/x', '/;/api', '/api#x'],
      ...['/api/v2%2fx', '/api//v2', '/api/;/v2', '/api/..%2fx', '/api/x%2f..%2f..%2fy', '/%', '/api/%zz', '/%%32e'],
    ]
    expect(refused.filter((one) => led(one) !== 'no')).to.deep.equal([])
  })

  const seed = Number(process.env.BERTH_TEST_SEED ?? Date.now() % 1_000_000)
  it(`lead to one app in every server's reading (BERTH_TEST_SEED=${seed})`, () => {
    let state = seed
    const random = (below: number): number => {
      state = (state * 48_271 + 11) % 2_147_483_647
      return state % below
    }
    const pieces = [
      ...['/', '/', '/', '//', '\\', '%2f', '%5C', '%252f', '.', '..', '%2e', '%2E', '%252e', '%25', '%', ';', ';x=1'],
      ...[
        'api',
        'api',
        'api',
        '%61pi',
        'a%70i',
        'API',
        'apiary',
        'admin',
        'x',
        '?',
        '#',
        '%23',
        '%3f',
        '~',
        '%7e',
        '%20',
      ],
    ]
    const counts = { api: 0, root: 0, no: 0 }
    for (let round = 0; round < 20_000; round++) {
      const target = `/${Array.from({ length: 1 + random(7) }, () => pieces[random(pieces.length)] ?? '').join('')}`
      const match = plain.match('x.test', root, target)
      counts[match === null ? 'no' : match.route ? 'api' : 'root'] += 1
      if (match === null) continue
      for (const [at, read] of readers.entries())
        expect(isBelow(read(match.target)), `${target}, sent as ${match.target}, by reader ${at}`).to.equal(
          match.route !== undefined,
        )
      const again = readTarget(match.target)
      expect(again && again.path + again.query, 'what is sent is read as itself').to.equal(match.target)
    }
    for (const count of Object.values(counts)) expect(count).to.be.greaterThan(500)
  })

  it('reads the longest target in little time', () => {
    const began = performance.now()
    for (const piece of ['%25', '/..', ';', '//', '%', '\\', '%2525252e'])
      led(`/api/${piece.repeat(16_000 / piece.length)}`)
    expect(performance.now() - began).to.be.lessThan(500)
  })
})
