import { expect } from 'chai'
import { parseCheck } from '../../src/cli/checks.js'
import { setCli } from './rig.js'

type Views = Record<
  string,
  { mode: string; checks: { phase: string; asks: string; values: Record<string, { value: unknown; from: string }> }[] }
>

describe('checks on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli
  const json = async (): Promise<Views> => (await cli.json(['checks', '--json', '-a', 'checked'])) as Views

  before(async () => {
    const app = await cli.api.pushed('checked')
    const file = 'app.json' as const
    const healthchecks = { worker: [{ phase: 'startup' as const, command: ['./check'], attempts: 7, file }] }
    await cli.api.store.releases.update(app.id, 2, { healthchecks })
  })

  it('are what nobody, the app and a command say, and who says so', async () => {
    const [web] = (await json()).web?.checks ?? []
    expect(web?.asks).to.equal('GET / on port 5000')
    expect(web?.values.status).to.deep.equal({ value: '100-499', from: 'default' })

    const set = await berth(['checks:set', 'path=/up', 'status=200, 3xx', 'header.Host=a.b', 'wait=2', '-a', 'checked'])
    expect(set.code, set.stderr).to.equal(0)
    expect(set.stderr).to.include('Setting the checks of web of checked... done')
    const [own] = (await json()).web?.checks ?? []
    expect(own?.asks).to.equal('GET /up on port 5000')
    expect(own?.values).to.deep.include({
      path: { value: '/up', from: 'app' },
      status: { value: '200,3xx', from: 'app' },
      headers: { value: { Host: 'a.b' }, from: 'app' },
      wait: { value: 2, from: 'app' },
      timeout: { value: 5, from: 'default' },
    })

    await berth(['checks:set', 'timeout=9', '--type', 'worker', '-a', 'checked'])
    const [worker] = (await json()).worker?.checks ?? []
    expect(worker?.asks).to.equal('the command ./check')
    expect(worker?.values).to.deep.include({
      attempts: { value: 7, from: 'app.json' },
      timeout: { value: 9, from: 'app' },
    })
    const shown = (await berth(['checks', '-a', 'checked'])).stdout
    expect(shown)
      .to.match(/=== web\n/)
      .and.match(/ {2}path +\/up +\(app\)/)
      .and.match(/ {2}attempts +7 +\(app\.json\)/)

    expect((await berth(['checks:unset', 'status', 'headers', '-a', 'checked'])).code).to.equal(0)
    expect((await json()).web?.checks[0]?.values.status).to.deep.equal({ value: '200-399', from: 'default' })
    expect((await berth(['checks:unset', '-a', 'checked'])).code).to.equal(0)
    expect((await json()).web?.checks[0]?.values.path).to.deep.equal({ value: '/', from: 'default' })
    expect((await berth(['releases', '-a', 'checked'])).stdout).to.not.include('v3')
  })

  it('are skipped and disabled as with Dokku', async () => {
    const said = async () => Object.fromEntries(Object.entries(await json()).map(([type, { mode }]) => [type, mode]))
    await berth(['checks:disable', 'web,worker', '-a', 'checked'])
    expect(await said()).to.deep.equal({ web: 'disable', worker: 'disable' })
    await berth(['checks:skip', 'worker', '-a', 'checked'])
    expect(await said()).to.deep.equal({ web: 'disable', worker: 'skip' })
    await berth(['checks:skip', '-a', 'checked'])
    expect(await said()).to.deep.equal({ web: 'skip', worker: 'skip' })
    await berth(['checks:enable', 'worker', '-a', 'checked'])
    expect(await said()).to.deep.equal({ web: 'skip', worker: 'check' })
    expect((await berth(['checks:enable', '-a', 'checked'])).stderr).to.include(
      'Enabling the checks of all process types',
    )
    expect(await said()).to.deep.equal({ web: 'check', worker: 'check' })
  })

  for (const [args, words] of [
    [['checks:set', 'path=up'], ' path: must begin with a slash, as in /up'],
    [['checks:set', 'path=/a\nb'], 'must be printable ASCII without blanks'],
    [['checks:set', 'attempts=1000'], ' attempts=1000: at most 60'],
    [['checks:set', 'attempts=-1'], 'attempts=-1: not a whole number'],
    [['checks:set', 'timeout=1e9'], 'timeout=1e9: not a whole number'],
    [['checks:set', 'attempts=60', 'timeout=60'], 'it may take 900 seconds in all'],
    [['checks:set', 'port=70000'], 'at most 65535'],
    [['checks:set', 'status=great'], ' status: is a status such as 200'],
    [['checks:set', 'pth=/up'], '"pth=/up" is nothing of a check'],
    [['checks:set', 'path'], '"path" is nothing of a check'],
    [['checks:set', 'header.a b=c'], '"a b" is not the name of a header'],
    [['checks:set', 'content=a\u0007b'], 'must not have control characters in it'],
    [['checks:set', 'path=/up', 'command=ls'], 'the startup check of web: path and command exclude each other'],
    [['checks:set', 'path=/up', '--type', 'clock'], 'checked has no process type "clock"'],
    [['checks:set', 'path=/up', '--liveness', '--readiness'], 'exclude each other'],
    [['checks:set', 'attempts=2', '--liveness'], 'nothing says what the liveness check of web asks'],
    [['checks:unset', 'colour'], 'a check has no "colour"'],
    [['checks:skip', 'clock'], 'checked has no process type "clock"'],
  ] as const)
    it(`that cannot be are refused: ${args.slice(1).join(' ')}`, async () => {
      const { code, stderr } = await berth([...args, '-a', 'checked'])
      expect(code).to.be.greaterThan(0)
      expect(stderr).to.include(words)
    })

  it('are said by name', () => {
    expect(parseCheck(['path=/a=b', 'command=x y', 'listening=true', 'warn=false', 'header.A=1'])).to.deep.equal({
      ...{ path: '/a=b', command: ['x y'], listening: true, warn: false, headers: { A: '1' } },
    })
  })

  it('want something that runs', async () => {
    expect((await berth(['checks:run', '-a', 'checked'])).stderr).to.include('checked runs nothing to check')
  })
})
