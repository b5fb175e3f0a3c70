import { expect } from 'chai'
import { formatLine } from '../../src/cli/logs.js'
import { setCli } from './rig.js'

describe('logs on the command line', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('of an app that wrote nothing are empty', async () => {
    await cli.api.pushed('silent')
    expect(await berth(['logs', '-a', 'silent'])).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    expect(await berth(['logs', '-a', 'silent', '-p', 'worker', '-n', '0', '--json'])).to.include({
      code: 0,
      stdout: '',
    })
  })

  it('are asked for by a number of lines and by a process that there is', async () => {
    for (const count of ['', 'x', '-1', '1.5', '1e2', '10001', '9'.repeat(40)]) {
      const { code, stderr } = await berth(['logs', `--num=${count}`, '-a', 'silent'])
      expect([code, stderr.includes('is not a number of lines')], count).to.deep.equal([2, true])
    }
    expect((await berth(['logs', '-p', 'wbe', '-a', 'silent'])).stderr).to.match(
      /no process "wbe"\n.*it has web, worker/,
    )
    expect((await berth(['logs', '-p', '../x', '-a', 'silent'])).stderr).to.include('a process is named web.1')
  })

  it('stand after their time and their process, and are harmless', () => {
    const line = { time: '2026-11-24T04:08:34.123Z', source: 'app', process: 'web.1', text: 'a\u001b[2Jb' } as const
    expect(formatLine(line)).to.match(/^2026-11-24T04:08:34\.123Z app\[web\.1\]: a.*b$/)
    expect(formatLine(line)).to.not.include('\u001b[2J')
  })
})
