import { expect } from 'chai'
import { matchesEvent, openEvents, type EventMessage } from '../../src/engine/events.js'
import { parseFilters } from '../../src/engine/system/filters.js'

const last = (act: (events: ReturnType<typeof openEvents>) => void): EventMessage => {
  const events = openEvents()
  act(events)
  return events.past().at(-1) ?? expect.fail('no event')
}

describe('events', () => {
  it('of containers and images have the old fields too', () => {
    const die = last((events) => events.emit('container', 'die', 'c1', { image: 'web:1', name: 'web', exitCode: '3' }))
    expect(die).to.deep.include({ status: 'die', id: 'c1', from: 'web:1', Type: 'container', Action: 'die' })
    expect(die.Actor).to.deep.equal({ ID: 'c1', Attributes: { image: 'web:1', name: 'web', exitCode: '3' } })
    expect(die.time).to.be.closeTo(Date.now() / 1000, 2)
    expect(die.timeNano / 1e9).to.be.closeTo(die.time, 1)
    const volume = last((events) => events.emit('volume', 'create', 'v', { driver: 'local' }))
    expect(volume).to.not.have.any.keys('status', 'id', 'from')
  })

  it('are remembered up to 256, the newest', () => {
    const events = openEvents()
    for (let i = 0; i < 300; i++) events.emit('volume', 'create', `v${i}`, {})
    const ids = events.past().map((event) => event.Actor.ID)
    expect(ids).to.have.lengthOf(256)
    expect([ids[0], ids[255]]).to.deep.equal(['v44', 'v299'])
  })

  it('reach followers until they leave', () => {
    const events = openEvents()
    const leaving = new AbortController()
    const seen: string[] = []
    events.follow((event) => seen.push(event.Actor.ID), leaving.signal)
    events.follow((event) => seen.push(event.Actor.ID), AbortSignal.abort())
    events.emit('volume', 'create', 'a', {})
    leaving.abort()
    events.emit('volume', 'create', 'b', {})
    expect(seen).to.deep.equal(['a'])
  })

  describe('pass filters', () => {
    const event = last((events) =>
      events.emit('container', 'exec_create: sh -c x', 'abc123', { image: 'web:1', name: 'web.1', app: 'blog' }),
    )
    const passes = (filters: Record<string, string[]>) =>
      matchesEvent(event, parseFilters(new URLSearchParams({ filters: JSON.stringify(filters) }), Object.keys(filters)))
    for (const filters of [
      {},
      { type: ['container'] },
      { type: ['image', 'container'], event: ['exec_create'] },
      { container: ['abc1'] },
      { container: ['web.1'] },
      { image: ['web:1'] },
      { image: ['web'] },
      { label: ['app=blog'] },
      { scope: ['local'] },
    ])
      it(`${JSON.stringify(filters)} does`, () => expect(passes(filters)).to.equal(true))
    for (const filters of [
      { type: ['image'] },
      { event: ['exec_start'] },
      { event: ['exec'] },
      { container: ['other'] },
      { image: ['web:2'] },
      { label: ['app=deps'] },
      { scope: ['swarm'] },
      { type: ['container'], event: ['die'] },
    ])
      it(`${JSON.stringify(filters)} does not`, () => expect(passes(filters)).to.equal(false))
  })
})
