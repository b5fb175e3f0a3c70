import { expect } from 'chai'
import { checkCommand, checkLine } from '../../src/cron/check.js'
import { BerthError } from '../../src/errors.js'
import type { CronLine } from '../../src/store/cron.js'

const refusal = (check: () => void): string => {
  try {
    check()
  } catch (error) {
    if (error instanceof BerthError && error.fault === 'invalid') return `${error.message}; ${String(error.hint)}`
    throw error
  }
  return 'none'
}

describe('a line of a crontab', () => {
  it('has a command of one line, not too long, in any script', () => {
    expect(refusal(() => checkCommand('echo "grüße 日本"\t| cat'))).to.equal('none')
    expect(refusal(() => checkCommand('  '))).to.include('empty')
    expect(refusal(() => checkCommand('x'.repeat(4096)))).to.equal('none')
    expect(refusal(() => checkCommand('x'.repeat(4097)))).to.include('put it in a script')
    for (const bad of ['a\nb', 'a\rb', 'a\0', 'a\u001b[2J', 'a\ud800'])
      expect(
        refusal(() => checkCommand(bad)),
        JSON.stringify(bad),
      ).to.include('control character')
  })

  it('has a schedule in a time zone that there is, and a process type’s name', () => {
    const line = { command: 'rake daily', schedule: '@daily', timezone: 'Europe/Berlin' } as CronLine
    const with_ = (more: object): string => refusal(() => checkLine({ ...line, ...more }))
    expect(with_({})).to.equal('none')
    expect(with_({ type: 'worker-2' })).to.equal('none')
    expect(with_({ type: 'no type' })).to.include('"no type" is no process type')
    expect(with_({ timezone: 'Mars/Base' })).to.include('Mars/Base')
    expect(with_({ schedule: '* * * *' })).to.include('is no schedule')
  })
})
