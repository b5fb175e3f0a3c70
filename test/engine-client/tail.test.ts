import { expect } from 'chai'
import { inOrder, readTail, sortable, type LogAnswer } from '../../src/engine-client/tail.js'
import { frame } from './rig.js'

describe('the end of a log', () => {
  /** A log whose last records are read; how many were asked for, each time. */
  const source = (records: readonly Buffer[]) => {
    const asked: number[] = []
    const log = (_: string, { tail }: { tail: number }) => {
      asked.push(tail)
      const last = [Buffer.concat(records.slice(-tail))]
      return Promise.resolve(Object.assign(last, { stamps: 'records' }) as unknown as LogAnswer)
    }
    return { asked, log }
  }
  /** A line in records of ten bytes, each with a time. */
  const records = (text: string, from: number): Buffer[] =>
    (`${text}\n`.match(/[^]{1,10}/g) ?? []).map((cut, at) =>
      frame('stdout', `t${String(from + at).padStart(4, '0')} ${cut}`),
    )
  const last = async (log: ReturnType<typeof source>, lines: number) =>
    (await readTail(log, 'id', lines)).map(({ text }) => text)

  it('is found behind a line of many records, and that line whole', async () => {
    const long = 'x'.repeat(150)
    const before = Array.from({ length: 50 }, (_, at) => records('before', at)).flat()
    const log = source([...before, ...records(long, 100), ...records('last', 200)])
    expect(await last(log, 2)).to.deep.equal([long, 'last'])
    expect(await last(log, 1)).to.deep.equal(['last'])
    expect(log.asked).to.have.length(2)
  })

  it('is empty of an empty log, and one line of a log that has no end of line', async () => {
    expect(await last(source([]), 5)).to.deep.equal([])
    expect(await last(source(records('a', 1)), 0)).to.deep.equal([])
    expect(await last(source([frame('stdout', 't0001 on its way')]), 5)).to.deep.equal(['on its way'])
  })

  it('is not asked for more than there is', async () => {
    const log = source([...records('a', 1), ...records('b', 2)])
    expect([await last(log, 100), log.asked.length]).to.deep.equal([['a', 'b'], 1])
  })

  it('keeps what memory allows of lines that are all long, and asks no more', async () => {
    const line = frame('stdout', `t0001 ${'y'.repeat(1024 * 1024 - 1)}\n`)
    const log = source(Array.from({ length: 20 }, () => line))
    const size = (await last(log, 20)).reduce((sum, text) => sum + text.length, 0)
    expect(size).to.be.within(1, 16 * 1024 * 1024)
    expect(log.asked).to.have.length(1)
  })

  it('is in the order of its times, whatever their fractions', () => {
    const times = ['.1Z', '.09Z', 'Z', '.000000001Z'].map((end) => `2026-01-01T00:00:00${end}`)
    const sorted = times.map((time) => ({ time })).sort(inOrder)
    expect(sorted.map(({ time }) => times.indexOf(time))).to.deep.equal([2, 3, 1, 0])
    expect(sortable('2026-01-01T00:00:00.5Z')).to.equal('2026-01-01T00:00:00.500000000')
    expect(inOrder({ time: '2026-01-01T00:00:00.5Z' }, { time: '2026-01-01T00:00:00.500Z' })).to.equal(0)
  })
})
