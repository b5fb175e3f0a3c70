import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { BerthError } from '../../src/errors.js'
import type { AppEngine } from '../../src/scheduler/app-engine.js'
import { checksOf, type Check } from '../../src/scheduler/checks.js'
import { perform, type CheckOutcome } from '../../src/scheduler/perform.js'
import type { CheckFields } from '../../src/store/checks.js'
import { firstRelease } from '../../src/store/releases.js'
import { freePort } from '../free.js'

const never = new AbortController().signal
const target = { id: 'c', address: '127.0.0.1', hostname: 'blog.localhost' }
const nothing = {} as unknown as AppEngine

function checkOf(fields: CheckFields): Check {
  const [check] = checksOf({ checks: { startup: { web: fields } } }, firstRelease('a'), 'web').startup
  if (!check) throw new Error('no check')
  return check
}

async function served(handler: RequestListener, fields: CheckFields): Promise<CheckOutcome> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await perform(checkOf({ ...fields, port: (server.address() as AddressInfo).port }), target, nothing, never)
  } finally {
    const closed = once(server, 'close')
    server.closeAllConnections()
    server.close()
    await closed
  }
}

/** An engine whose commands end as said; a code of null is one that goes on until it is ended. */
function engineOf(code: number | null, output = '') {
  const state = { words: [] as (readonly string[])[], running: code === null }
  const exec = (_: string, words: readonly string[]) => {
    state.words.push(words)
    return Promise.resolve({
      end: async (signal: AbortSignal) => {
        if (code !== null) return { code, output }
        if (!signal.aborted) await once(signal, 'abort')
        throw signal.reason as Error
      },
      runs: () => Promise.resolve(state.running),
    })
  }
  return { state, engine: { exec } as unknown as AppEngine }
}

describe('a check that is done once', () => {
  for (const [fields, status, said] of [
    [{ path: '/' }, 302, null],
    [{ path: '/' }, 404, 'status 404, and 200-399 passes: no'],
    [{ status: '4xx' }, 404, null],
    [{ status: '200,404-410' }, 410, null],
    [{ status: '200,404-410' }, 411, 'status 411, and 200,404-410 passes: no'],
    [{ content: 'no' }, 200, null],
    [{ content: 'yes' }, 200, 'status 200, without "yes" in its body: no'],
    [{ timeout: 5 }, 499, null],
  ] as const)
    it(`takes ${status} by ${JSON.stringify(fields)}`, async () => {
      const outcome = await served((_, response) => response.writeHead(status).end('no'), fields)
      expect(outcome.passed).to.equal(said === null)
      if (said !== null) expect(outcome.said).to.equal(said)
    })

  it('is whether somebody listens, and how long it has run', async () => {
    const heard = await served((_, response) => response.end(), { listening: true })
    expect(heard.passed).to.equal(true)
    const silent = checkOf({ listening: true, port: await freePort() })
    expect(await perform(silent, target, nothing, never)).to.include({ passed: false, unheard: true })
    const since = (ms: number | null) =>
      ({
        startedAt: () => Promise.resolve(ms === null ? null : new Date(Date.now() - ms).toISOString()),
      }) as unknown as AppEngine
    const check = checkOf({ uptime: 12 })
    expect((await perform(check, target, since(12_500), never)).passed).to.equal(true)
    expect(await perform(check, target, since(3_500), never)).to.deep.equal({
      passed: false,
      said: 'it has run for 3 s',
    })
    expect(await perform(check, target, since(null), never)).to.include({ passed: false, said: 'it does not run' })
  })

  it('says that nobody listens, that nothing is answered, and that the connection ends', async () => {
    const refused = await perform(checkOf({ path: '/', port: await freePort() }), target, nothing, never)
    expect(refused).to.deep.equal({ passed: false, said: 'the connection was refused', unheard: true })
    const late = await served(() => undefined, { path: '/', timeout: 1 })
    expect(late).to.deep.equal({ passed: false, said: 'did not answer within 1 s', late: true })
    const hung = await served((request) => request.socket.destroy(), { path: '/' })
    expect(hung).to.deep.equal({ passed: false, said: 'no answer: socket hang up' })
    const nowhere = await perform(checkOf({ path: '/' }), { ...target, address: '' }, nothing, never)
    expect(nowhere).to.include({ passed: false, unheard: true })
  })

  it('is a command, of words or of a line for the shell', async () => {
    const fine = engineOf(0)
    expect(await perform(checkOf({ command: ['./check', 'a b'] }), target, fine.engine, never)).to.include({
      passed: true,
    })
    await perform(checkOf({ command: ['./check && true'] }), target, fine.engine, never)
    await perform(checkOf({ command: ['./check'] }), target, fine.engine, never)
    expect(fine.state.words).to.deep.equal([['./check', 'a b'], ['/bin/sh', '-c', './check && true'], ['./check']])
    const { engine } = engineOf(3, '\u001b]0;t\u0007no queue\nmore')
    expect(await perform(checkOf({ command: ['x'] }), target, engine, never)).to.deep.equal({
      ...{ passed: false, said: 'exit code 3: no queue' },
    })
  })

  it('starts no second command beside one that goes on', async () => {
    const { engine, state } = engineOf(null)
    const check = checkOf({ command: ['x'], timeout: 1 })
    expect(await perform(check, target, engine, never)).to.include({ late: true, said: 'not over within 1 s' })
    expect(await perform(check, target, engine, never)).to.include({ said: 'not over within 1 s, and still at it' })
    expect(state.words).to.have.length(1)
    state.running = false
    await perform(check, target, engine, never)
    expect(state.words).to.have.length(2)
  })

  it('does not take an engine that is away for a process that fails', async () => {
    const exec = () => Promise.reject(new BerthError('unavailable', 'away'))
    const engine = { exec } as unknown as AppEngine
    const error = await perform(checkOf({ command: ['x'] }), target, engine, never).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(BerthError)
  })
})
