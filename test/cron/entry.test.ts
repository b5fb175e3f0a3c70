import { expect } from 'chai'
import { checkLine } from '../../src/cron/check.js'
import { entriesOf, entryId } from '../../src/cron/entry.js'
import type { BerthError } from '../../src/errors.js'

const daily = { schedule: '@daily', command: 'node task.js' }
const none = { added: new Map(), paused: {} }

describe('a cron entry', () => {
  it('has an id that goes by its app, schedule, command, time zone and type, and nothing else', () => {
    const id = entryId('a', daily)
    expect(id).to.match(/^[0-9a-f]{8}$/)
    expect(entryId('a', { ...daily, timeout: 5, concurrency: 'allow', maintenance: true, timezone: 'UTC' })).to.equal(
      id,
    )
    expect(entryId('a', { schedule: ' @daily ', command: 'node task.js ' })).to.equal(id)
    const others = [
      ...[
        entryId('b', daily),
        entryId('a', { ...daily, schedule: '@hourly' }),
        entryId('a', { ...daily, command: 'x' }),
      ],
      ...[entryId('a', { ...daily, timezone: 'Europe/Berlin' }), entryId('a', { ...daily, type: 'web' })],
    ]
    expect(new Set([id, ...others]).size).to.equal(6)
  })

  it('comes of app.json or was added, and is there once', () => {
    const other = { ...daily, command: 'other', createdAt: '' }
    const added = new Map([
      ['x', { ...daily, createdAt: '' }],
      ['y', other],
    ])
    const entries = entriesOf('a', [daily], { added, paused: {} })
    expect(entries.map(({ source, command }) => `${source} ${command}`)).to.deep.equal([
      ...['app.json node task.js', 'cron:add other'],
    ])
    expect(entries[0]).to.include({ concurrency: 'forbid', timezone: 'UTC', timeout: null, type: null, paused: null })
  })

  it('is paused by its app or by somebody', () => {
    const own = { ...daily, maintenance: true } as const
    expect(entriesOf('a', [own], none)[0]?.paused).to.equal('app.json')
    expect(entriesOf('a', [daily], { ...none, paused: { [entryId('a', daily)]: 'now' } })[0]?.paused).to.equal(
      'cron:pause',
    )
  })

  it('has a command of one line', () => {
    const why = (command: string): string => {
      try {
        checkLine({ ...daily, command })
      } catch (error) {
        return (error as BerthError).message
      }
      return 'none'
    }
    expect(why(' ')).to.match(/empty/)
    for (const bad of ['a\nb', 'a\rb', 'a\0b', '\u001b[2J', '\u0085', '\ud800'])
      expect(why(bad)).to.match(/line break or/)
    expect(why('x'.repeat(5000))).to.match(/longer than/)
    expect(why('a\t"b" && c | d > e; f')).to.equal('none')
  })
})
