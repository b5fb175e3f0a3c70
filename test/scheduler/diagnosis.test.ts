import { expect } from 'chai'
import type { ContainerInspectInfo } from 'dockerode'
import type { LogSource } from '../../src/engine-client/tail.js'
import { endingOf, explainDefault, explainEnd, explainSilence } from '../../src/scheduler/diagnosis.js'

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
    expect(endingOf(state({ ExitCode: 0 }), 0)).to.equal('ended (code 0)')
  })

  it('tells where it listens instead', () => {
    const words = (all: Parameters<typeof explainSilence>[3]) => explainSilence('web.1', 5000, 60, all).message
    expect(words([])).to.equal('web.1 did not listen on port 5000 within 60 s')
    expect(words(null)).to.equal('web.1 did not listen on port 5000 within 60 s')
    expect(words([heard('127.0.0.1', 5000)])).to.match(/listens on 127\.0\.0\.1:5000 only/)
    expect(words([heard('0.0.0.0', 8080), heard('0.0.0.0', 3000), heard('127.0.0.1', 9229)])).to.match(
      /listens on port 3000, 8080 but not on port 5000/,
    )
    expect(words([heard('127.0.0.1', 3000)])).to.match(
      /listens on 127\.0\.0\.1:3000 only: neither on port 5000, .* nor where requests from outside can reach it/,
    )
    expect(words([{ address: '::1', port: 3000, loopback: true }])).to.match(/listens on \[::1\]:3000 only: neither/)
    expect(words([{ address: '::1', port: 5000, loopback: true }])).to.match(/listens on \[::1\]:5000 only, where/)
    expect(explainSilence('web.1', 5000, 60, [heard('0.0.0.0', 3000)]).hint).to.contain('config:set PORT=3000')
    expect(explainSilence('web.1', 5000, 60, [heard('127.0.0.1', 5000)]).hint).to.contain('0.0.0.0')
  })

  it('tells what it answered', () => {
    expect(explainDefault('web.1', 60, { status: 502, excerpt: 'no db', found: true }).message).to.equal(
      'web.1 answered its check, GET /, with status 502: no db',
    )
    expect(explainDefault('web.1', 60).message).to.equal('web.1 listens but did not answer GET / within 60 s')
  })

  const ended = async (ExitCode: number, lines: string[], about: object) => {
    const body = lines.map((line) => Buffer.from(`2026-01-01T00:00:00Z ${line}\n`))
    const frames = body.map((text) => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length]), text]))
    const engine = { log: () => Promise.resolve(frames) } as unknown as LogSource
    const info = { Id: 'id', State: state({ ExitCode }), HostConfig: {} } as unknown as ContainerInspectInfo
    const told: string[] = []
    const { message, hint } = await explainEnd(engine, { process: 'web.1', type: 'web', ...about }, info, (line) =>
      told.push(line),
    )
    expect(told).to.deep.equal(
      lines.length === 0 ? [] : ['The last lines of web.1:', ...lines.map((line) => `  ${line}`)],
    )
    return { message, hint: hint ?? '' }
  }

  it('tells a job from a server', async () => {
    const web = await ended(0, ['done'], {})
    expect(web.message).to.equal('web.1 ended (code 0) before it listened')
    expect(web.hint).to.match(/a job that ends belongs under another name/)
    expect((await ended(0, [], { type: 'worker' })).hint).to.match(/berth run/)
  })

  it('names the file a command that is not there comes from, and what to do', async () => {
    const line = 'sh: 1: nodemon: not found'
    const start = await ended(127, [line], { origin: 'package.json', command: 'nodemon .' })
    expect(start.hint).to.match(
      /^"nodemon" comes from "start" in package.json, `nodemon \.`; what is in "devDependencies" is removed/,
    )
    expect((await ended(127, [line], { origin: 'Procfile', command: 'nodemon .' })).hint).to.match(
      /line of web in the Procfile/,
    )
    expect((await ended(127, [line], { origin: 'Dockerfile', command: null })).hint).to.match(/CMD in the Dockerfile/)
    const bare = await ended(127, ['cannot run /bin/sh: no such file or directory'], { origin: 'Procfile' })
    expect(bare.hint).to.match(/no shell: .* as a list, `web: \["/)
    const script = ['cannot run ./run.sh: no such file or directory']
    expect((await ended(127, script, { origin: 'Dockerfile', command: null })).hint).to.match(
      /whether the image has \.\/run\.sh; if it has, its first line .* \(CRLF\)/,
    )
    expect((await ended(1, ["Error: Cannot find module 'express'"], {})).hint).to.match(
      /^"express" is not installed .*devDep/,
    )
    expect((await ended(1, ["Error: Cannot find module './own'"], {})).hint).to.equal('its last lines are above')
  })
})
