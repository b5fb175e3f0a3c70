import { expect } from 'chai'
import { checksOf, describeAsk, gateOf, hasReadiness, gateWithPorts } from '../../src/scheduler/checks.js'
import type { CheckSettings, DeclaredCheck } from '../../src/store/checks.js'
import { firstRelease } from '../../src/store/releases.js'

const file = 'app.json'
const startup = { phase: 'startup', file } as const
const of = (checks: CheckSettings, declared: readonly DeclaredCheck[] = [], type = 'web') =>
  checksOf({ checks }, { ...firstRelease('a'), healthchecks: { [type]: declared } }, type)

describe('the checks of a process type', () => {
  it('are GET / below 500 for web, and none for others, where nobody says anything', () => {
    const [check, ...more] = of({}).startup
    expect(more).to.deep.equal([])
    expect(check).to.include({ isDefault: true, path: '/', port: 5000, status: '100-499' })
    expect(of({}).liveness).to.deep.equal([])
    expect(of({}, [], 'worker').startup).to.deep.equal([])
    expect(checksOf({}, firstRelease('a'), 'constructor')).to.deep.equal({
      ...{ mode: 'check', startup: [], readiness: [], liveness: [] },
    })
  })

  it('are that web listens where a TCP port leads to where PORT has it listen', () => {
    const asks = (port: object) =>
      checksOf(
        { ports: [{ port: 7000, protocol: 'tcp', to: 5000, type: 'web', createdAt: '', ...port }] },
        firstRelease('a'),
        'web',
      ).startup.map(describeAsk)
    expect(asks({})).to.deep.equal(['listening on port 5000'])
    for (const other of [{ protocol: 'udp' }, { to: 7000 }, { type: 'worker' }])
      expect(asks(other)).to.deep.equal(['GET / on port 5000'])
  })

  it('are, for a process that ports lead to, that it listens on each of them', () => {
    const unchecked = checksOf({}, firstRelease('a'), 'worker')
    expect(gateWithPorts(unchecked, [7, 8]).startup.map(describeAsk)).to.deep.equal([
      'listening on port 7',
      'listening on port 8',
    ])
    expect(gateWithPorts(gateWithPorts(unchecked, [7]), [7]).startup).to.have.lengthOf(1)
    expect(gateWithPorts(unchecked, [])).to.deep.equal(unchecked)
  })

  it('are that web listens where it is asked by HTTP/2, unless somebody says more', () => {
    const rules = { protocol: 'h2c' } as const
    const { startup: unsaid } = checksOf({ rules }, firstRelease('a'), 'web')
    expect(unsaid.map(describeAsk)).to.deep.equal(['listening on port 5000'])
    expect(unsaid[0]?.isDefault).to.equal(true)
    const { startup: said } = checksOf(
      { rules, checks: { startup: { web: { path: '/up' } } } },
      firstRelease('a'),
      'web',
    )
    expect(said.map(describeAsk)).to.deep.equal(['GET /up on port 5000'])
    expect(checksOf({ rules }, firstRelease('a'), 'worker').startup).to.deep.equal([])
  })

  it('are those of the app, each with what was set by command', () => {
    const declared: DeclaredCheck[] = [
      { ...startup, path: '/a', timeout: 9 },
      { ...startup, command: ['x'], attempts: 2 },
      { phase: 'liveness', path: '/l', file },
    ]
    const { startup: all, liveness } = of({ startup: { web: { status: '204', attempts: 7 } } }, declared)
    expect(all.map(describeAsk)).to.deep.equal(['GET /a on port 5000', 'the command x'])
    expect(all[0]).to.include({ status: '204', timeout: 9, attempts: 7, isDefault: false })
    expect(all[0]?.from).to.include({ path: file, status: 'app', timeout: file, wait: 'default' })
    expect(all[1]?.from).to.deep.equal({
      ...{
        command: file,
        attempts: 'app',
        timeout: 'default',
        wait: 'default',
        initialDelay: 'default',
        warn: 'default',
      },
    })
    expect(liveness.map((one) => [one.path, one.wait])).to.deep.equal([['/l', 10]])
  })

  it('are one where a command says what is asked, with what the app says of the one that is like it', () => {
    const set = { startup: { web: { path: '/mine' } } }
    expect(of(set, [{ ...startup, path: '/a', timeout: 9 }]).startup).to.have.length(1)
    expect(of(set, [{ ...startup, path: '/a', timeout: 9 }]).startup[0]).to.include({ path: '/mine', timeout: 9 })
    const several = [startup, { ...startup, path: '/b', timeout: 9 }]
    expect(of(set, several).startup.map(({ path, timeout }) => [path, timeout])).to.deep.equal([['/mine', 5]])
    expect(of({ startup: { web: { listening: true } } }, several).startup.map(describeAsk)).to.deep.equal([
      'listening on port 5000',
    ])
  })

  it('take a status below 500 as long as nobody names a page', () => {
    expect(of({ startup: { web: { timeout: 9 } } }).startup[0]).to.include({ status: '100-499', isDefault: false })
    expect(of({ startup: { web: { path: '/' } } }).startup[0]).to.include({ status: '200-399' })
  })

  it('are skipped for a type, or for all', () => {
    expect(of({ modes: { '*': 'skip' } }).mode).to.equal('skip')
    expect(of({ modes: { '*': 'skip', web: 'check' } }).mode).to.equal('check')
    expect(of({ modes: { worker: 'disable' } }, [], 'worker').mode).to.equal('disable')
  })

  it('of readiness gate a new release, and let one that starts again run without requests', () => {
    const readiness: DeclaredCheck = { phase: 'readiness', path: '/ready', file }
    const asks = (declared: readonly DeclaredCheck[], isNew: boolean, type = 'web') =>
      gateOf(of({}, declared, type), 5000, isNew).startup.map(describeAsk)
    expect(asks([readiness], true)).to.deep.equal(['GET /ready on port 5000'])
    expect(asks([readiness], false)).to.deep.equal(['listening on port 5000'])
    expect(asks([readiness], false, 'worker')).to.deep.equal([])
    expect(asks([{ ...startup, path: '/up' }, readiness], true)).to.deep.equal([
      'GET /up on port 5000',
      'GET /ready on port 5000',
    ])
    expect(asks([{ ...startup, path: '/up' }, readiness], false)).to.deep.equal(['GET /up on port 5000'])
    expect(asks([], true)).to.deep.equal(['GET / on port 5000'])
    expect(of({}, [readiness]).readiness[0]).to.include({ wait: 10, attempts: 3 })
    expect(hasReadiness(of({}, [readiness]), 'web')).to.equal(true)
    expect(hasReadiness(of({}, [{ ...readiness, warn: true }]), 'web')).to.equal(false)
    expect(hasReadiness(of({}, [readiness], 'worker'), 'worker')).to.equal(false)
  })
})
