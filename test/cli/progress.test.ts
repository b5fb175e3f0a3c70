import { expect } from 'chai'
import { setCli } from './rig.js'

describe('a change that the command line follows', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('shows its log and why when it fails, exit code 1', async () => {
    await cli.api.pushed('sick')
    const healthy = cli.api.rollOut
    cli.api.rollOut = (_app, _release, { log }) => {
      log('web.1 | Error: cannot find module')
      return Promise.reject(new Error('web.1 crashed with exit code 1'))
    }
    const { code, stderr } = await berth(['config:set', 'A=1', '-a', 'sick']).finally(() => (cli.api.rollOut = healthy))
    expect(code).to.equal(1)
    expect(stderr).to.match(/^Setting A and restarting sick\.\.\. \n/)
    expect(stderr).to.include('cannot find module')
    expect(stderr).to.match(/ ▸ {4}web\.1 crashed with exit code 1\n ▸ {4}what ran before goes on/)
  })

  it('is followed while the store is restarted', async () => {
    await cli.api.pushed('patient')
    const healthy = cli.api.rollOut
    let begun = (): void => undefined
    const started = new Promise<void>((resolve) => (begun = resolve))
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    cli.api.rollOut = async () => {
      begun()
      await gate
    }
    try {
      const set = berth(['config:set', 'A=1', '-a', 'patient'])
      await started
      await cli.api.redis.kill()
      await cli.api.redis.start()
      go()
      const { code, stderr } = await set
      expect(code, stderr).to.equal(0)
      expect(stderr).to.match(/done, v3/)
    } finally {
      go()
      cli.api.rollOut = healthy
    }
  })

  it('that is cancelled, or whose app goes, says so', async () => {
    const { id: app } = await cli.api.pushed('ended')
    const healthy = cli.api.rollOut
    const begun = Promise.withResolvers<unknown>()
    cli.api.rollOut = (_app, _release, { signal }) =>
      new Promise((_resolve, reject) => {
        begun.resolve(null)
        signal.addEventListener('abort', () => reject(new Error('interrupted')))
      })
    try {
      const set = berth(['config:set', 'A=1', '-a', 'ended'])
      await begun.promise
      const [pending] = await cli.api.store.operations.pending(app)
      await cli.api.store.operations.cancel(pending?.id ?? '', 'ada')
      const { code, stderr } = await set
      expect([code, stderr.endsWith('!\n ▸    cancelled by ada\n ▸    see `berth builds`\n')]).to.deep.equal([1, true])
    } finally {
      cli.api.rollOut = healthy
    }
  })

  it('makes what its log says harmless', async () => {
    await cli.api.pushed('hostile')
    const healthy = cli.api.rollOut
    cli.api.rollOut = (_app, _release, { log }) => {
      log('\u001b]0;owned\u0007\u001b[2Jhello')
      return Promise.reject(new Error('\u001b[31mred'))
    }
    const { stderr } = await berth(['config:set', 'A=1', '-a', 'hostile']).finally(() => (cli.api.rollOut = healthy))
    expect(stderr)
      .to.include('hello')
      .and.to.include('red')
      .and.to.not.include('\u001b]')
      .and.to.not.include('\u001b[2J')
  })
})
