import { expect } from 'chai'
import { createLog, type Logger } from '../src/log.js'

/** A log and what it has written, parsed. */
function written(level?: string): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => {
    expect(line).to.match(/^[^\n]+\n$/)
    lines.push(JSON.parse(line) as Record<string, unknown>)
  }
  return { log: createLog('router', { ...(level === undefined ? {} : { level }), write }), lines }
}

describe('the log', () => {
  it('says when, at what level, who and what', () => {
    const { log, lines } = written()
    log.info('it\nruns')
    log.warn({ app: 'blog', tries: 3n }, 'it is slow')
    const [first, second] = lines
    expect(first).to.deep.equal({ level: 30, time: first?.time, name: 'router', msg: 'it\nruns' })
    expect(new Date(String(first?.time)).toISOString()).to.equal(first?.time)
    expect(second).to.include({ level: 40, app: 'blog', tries: '3', msg: 'it is slow' })
  })

  it('tells an error with its code, its stack and what caused it', () => {
    const { log, lines } = written()
    const error = Object.assign(new Error('no route', { cause: new Error('away') }), { code: 'ENETUNREACH' })
    log.fatal(error, 'a fault')
    log.error({ error }, 'another')
    const told = { type: 'Error', message: 'no route', code: 'ENETUNREACH' }
    expect(lines[0]?.err).to.include(told).and.to.have.property('stack').that.includes('log.test')
    expect(lines[0]?.err).to.have.nested.property('cause.message', 'away')
    expect(lines[1]?.error).to.include(told)
    expect(lines.map(({ msg }) => msg)).to.deep.equal(['a fault', 'another'])
  })

  it('tells no secret, wherever it stands', () => {
    const { log, lines } = written()
    log.info({ token: 'x', release: { config: { KEY: 'x' } }, req: { headers: { authorization: 'x' } } }, 'hello')
    expect(lines[0]).to.deep.include({
      token: '[Redacted]',
      release: { config: '[Redacted]' },
      req: { headers: { authorization: '[Redacted]' } },
    })
  })

  it('is not stopped by what cannot be told', () => {
    const { log, lines } = written()
    const circle: Record<string, unknown> = { app: 'blog' }
    circle.self = circle
    log.info(circle, 'round')
    expect(lines[0]).to.include({ name: 'router', app: 'blog' }).and.to.have.property('msg').that.includes('circular')
  })

  for (const [level, told] of [
    ['silent', []],
    ['error', [50, 60]],
    ['debug', [20, 30, 40, 50, 60]],
    ['nonsense', [30, 40, 50, 60]],
  ] as const)
    it(`of the level ${level} tells of ${told.length} levels`, () => {
      const { log, lines } = written(level)
      for (const method of ['debug', 'info', 'warn', 'error', 'fatal'] as const) log[method](method)
      expect(lines.map((line) => line.level)).to.deep.equal(told)
      expect(log.isLevelEnabled('debug')).to.equal(level === 'debug')
    })
})
