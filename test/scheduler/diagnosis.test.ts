import { expect } from 'chai'
import { endingOf, explainCheck, explainSilence } from '../../src/scheduler/diagnosis.js'

const state = (patch = {}) => ({ ExitCode: 1, OOMKilled: false, Error: '', ...patch })
const heard = (address: string, port: number) => ({ address, port, loopback: address.startsWith('127.') })

describe('why a process does not work', () => {
  it('tells how it ended', () => {
    expect(endingOf(state(), 0)).to.equal('crashed: exited with code 1')
    expect(endingOf(state({ ExitCode: 139 }), 0)).to.equal('crashed: killed by SIGSEGV (exit code 139)')
    expect(endingOf(state({ ExitCode: 127 }), 0)).to.contain('its command was not found')
    expect(endingOf(state({ ExitCode: 126 }), 0)).to.contain('may not be executed')
    expect(endingOf(state({ ExitCode: 137, OOMKilled: true }), 512 * 1024 ** 2)).to.equal(
      'ran out of memory: its limit is 512 MB',
    )
    expect(endingOf(state({ OOMKilled: true }), 2 * 1024 ** 3)).to.contain('2 GB')
    expect(endingOf(state({ ExitCode: 0 }), 0)).to.equal('crashed: exited with code 0')
  })

  it('tells where it listens instead', () => {
    const words = (all: Parameters<typeof explainSilence>[3]) => explainSilence('web.1', 5000, 60, all).message
    expect(words([])).to.equal('web.1 did not listen on port 5000 within 60 s')
    expect(words(null)).to.equal('web.1 did not listen on port 5000 within 60 s')
    expect(words([heard('127.0.0.1', 5000)])).to.match(/listens on 127\.0\.0\.1:5000 only/)
    expect(words([heard('0.0.0.0', 8080), heard('0.0.0.0', 3000), heard('127.0.0.1', 9229)])).to.match(
      /listens on port 3000, 8080 but not on port 5000/,
    )
    expect(words([heard('127.0.0.1', 3000)])).to.match(/listens on port 3000 but not/)
    expect(explainSilence('web.1', 5000, 60, [heard('0.0.0.0', 3000)]).hint).to.contain('config:set PORT=3000')
    expect(explainSilence('web.1', 5000, 60, [heard('127.0.0.1', 5000)]).hint).to.contain('0.0.0.0')
  })

  it('tells what it answered', () => {
    expect(explainCheck('web.1', 60, { status: 502, excerpt: 'no db' }).message).to.equal(
      'web.1 answered its check, GET /, with status 502: no db',
    )
    expect(explainCheck('web.1', 60, null).message).to.equal('web.1 listens but did not answer GET / within 60 s')
  })
})
