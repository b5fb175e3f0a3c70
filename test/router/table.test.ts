import { expect } from 'chai'
import { Table } from '../../src/router/table.js'
import type { Applied, Route, Target } from '../../src/store/routes.js'

const target = (id: string, port = 5000): Target => ({ id, process: 'web.1', host: '10.0.0.1', port })
const route = (version: number, targets: Target[], more: Partial<Route> = {}): Route => ({
  app: 'a1',
  name: 'blog',
  hosts: ['blog.test'],
  targets,
  version,
  ...more,
})

function make() {
  const drained: [string, Applied][] = []
  const table = new Table((applied, id) => drained.push([id, applied]))
  const pick = (host = 'blog.test') => table.find(host)?.pick()
  return { table, drained, pick }
}

describe('the route table', () => {
  it('takes processes in turn', () => {
    const { table, pick } = make()
    table.apply(route(1, [target('a'), target('b'), target('c')]))
    expect(Array.from({ length: 6 }, () => pick()?.id).join('')).to.equal('abcabc')
  })

  it('passes over one that was unreachable a moment ago, unless it is the only one', () => {
    const { table, pick } = make()
    table.apply(route(1, [target('a'), target('b')]))
    pick()?.fail()
    expect([pick()?.id, pick()?.id, pick()?.id]).to.deep.equal(['b', 'b', 'b'])
    table.apply(route(2, [target('a')]))
    expect(pick()?.id).to.equal('a')
  })

  it('finds a wildcard for one label, where no app has the very hostname', () => {
    const { table, pick } = make()
    table.apply(route(1, [target('wild')], { hosts: ['*.example.org'] }))
    table.apply(route(1, [target('exact')], { app: 'a2', hosts: ['shop.example.org', 'example.org'] }))
    const found = [
      'a.example.org',
      'shop.example.org',
      'example.org',
      'a.b.example.org',
      'org',
      'example.orgx',
      '[::1]',
    ]
    expect(found.map((host) => pick(host)?.id)).to.deep.equal(['wild', 'exact', 'exact', ...Array<undefined>(4)])
    // by whose certificate it is served
    expect(found.map((host) => table.ownerOf(host))).to.deep.equal(['a1', 'a2', 'a2', ...Array<null>(4).fill(null)])
    table.apply(route(2, [target('exact')], { app: 'a2', hosts: ['example.org'] }))
    expect(pick('shop.example.org')?.id).to.equal('wild')
  })

  it('knows whose a hostname is, whose certificate is shown for it', () => {
    const { table } = make()
    table.apply(route(1, [target('a')], { hosts: ['blog.test', '*.blog.test'] }))
    table.apply(route(1, [target('b')], { app: 'a2', hosts: ['shop.blog.test'] }))
    expect(
      ['blog.test', 'x.blog.test', 'shop.blog.test', 'x.y.blog.test', 'other.test'].map((host) => table.ownerOf(host)),
    ).to.deep.equal(['a1', 'a1', 'a2', null, null])
  })

  it('never goes back to an older version', () => {
    const { table, pick } = make()
    expect(table.apply(route(5, [target('new')]))).to.equal(true)
    expect(table.apply(route(4, [target('old')]))).to.equal(false)
    expect(pick()?.id).to.equal('new')
  })

  it('drops hostnames that a route no longer has, and not those another app has taken over meanwhile', () => {
    const { table } = make()
    table.apply(route(1, [], { hosts: ['blog.test', 'www.test'] }))
    table.apply(route(1, [], { app: 'a2', name: 'shop', hosts: ['www.test'] }))
    table.apply(route(2, [], { hosts: ['blog.test'] }))
    expect(table.find('www.test')?.name).to.equal('shop')
    table.apply(route(3, [], { hosts: ['new.test'] }))
    expect(table.find('blog.test')).to.equal(undefined)
    expect(table.find('new.test')?.name).to.equal('blog')
  })

  it('refuses a hostname a second owner, until the first gives it up', () => {
    const { table } = make()
    table.apply(route(1, [target('a')]))
    table.apply(route(1, [target('b')], { app: 'a2', name: 'thief' }))
    expect(table.find('blog.test')?.name).to.equal('blog')
    table.apply(route(2, [target('b')], { app: 'a2', name: 'thief' }))
    expect(table.find('blog.test')?.name).to.equal('blog')
    table.remove('a1')
    expect(table.find('blog.test')?.name).to.equal('thief')
    table.replace([
      route(9, [target('c')], { app: 'a3', name: 'newcomer' }),
      route(9, [target('b')], { app: 'a2', name: 'thief', hosts: ['elsewhere.test'] }),
    ])
    expect(table.find('blog.test')?.name, 'whatever order the news comes in').to.equal('newcomer')
  })

  it('says which processes it took away are busy, and calls when the last request of each has ended', () => {
    const { table, drained, pick } = make()
    table.apply(route(1, [target('a'), target('b'), target('idle')]))
    const endA1 = pick()?.hold()
    const endB = pick()?.hold()
    pick()
    const endA2 = pick()?.hold()
    table.apply(route(2, [target('c')]))
    expect(table.state('a1')).to.deep.equal({ app: 'a1', version: 2, busy: ['a', 'b'] })
    endA1?.()
    endA1?.()
    expect(drained).to.deep.equal([])
    endA2?.()
    expect(drained).to.deep.equal([['a', { app: 'a1', version: 2, busy: ['b'] }]])
    table.apply(route(3, [target('d')]))
    expect(table.state('a1').busy, 'one taken away two versions ago').to.deep.equal(['b'])
    endB?.()
    expect(drained.at(-1)).to.deep.equal(['b', { app: 'a1', version: 3, busy: [] }])
  })

  it('does not call for a process that came back before it had drained', () => {
    const { table, drained, pick } = make()
    table.apply(route(1, [target('a')]))
    const end = pick()?.hold()
    table.apply(route(2, [target('b')]))
    table.apply(route(3, [target('a')]))
    expect(table.state('a1').busy).to.deep.equal([])
    end?.()
    expect(drained).to.deep.equal([])
    expect(pick()?.id).to.equal('a')
  })

  it('drains the processes of an app that was removed', () => {
    const { table, drained, pick } = make()
    table.apply(route(7, [target('a')]))
    const end = pick()?.hold()
    expect(table.remove('a1')).to.deep.equal({ app: 'a1', version: 7, busy: ['a'] })
    expect(table.find('blog.test')).to.equal(undefined)
    end?.()
    expect(drained).to.deep.equal([['a', { app: 'a1', version: 7, busy: [] }]])
    expect(table.remove('a1')).to.equal(undefined)
  })

  it('is replaced whole: gone apps go, but not those whose row could not be read; older versions count', () => {
    const { table, pick } = make()
    table.apply(route(9, [target('x')]))
    table.apply(route(1, [], { app: 'gone', hosts: ['gone.test'] }))
    table.apply(route(1, [], { app: 'garbled', hosts: ['garbled.test'] }))
    const applied = table.replace([route(2, [target('y')])], new Set(['garbled']))
    expect(applied.map((a) => [a.app, a.version])).to.deep.equal([
      ['gone', 1],
      ['a1', 2],
    ])
    expect(pick()?.id).to.equal('y')
    expect(table.find('gone.test')).to.equal(undefined)
    expect(table.find('garbled.test')).not.to.equal(undefined)
  })
})
