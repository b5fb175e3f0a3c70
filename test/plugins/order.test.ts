import { expect } from 'chai'
import { orderOf } from '../../src/plugins/order.js'
import type { PluginRecord } from '../../src/store/plugins.js'

const record = (name: string, requires: string[] = [], enabled = true): PluginRecord => ({
  ...{ name, kind: 'hook', version: '1.0.0', requires, source: { type: 'berth' }, directory: null, enabled },
  ...{ settings: {}, secrets: [], revision: 1 },
})
const said = (records: PluginRecord[]) => {
  const { order, skipped } = orderOf(records)
  return { order: order.map(({ name }) => name), skipped: Object.fromEntries(skipped) }
}

describe('the order of plugins', () => {
  it('puts each after what it requires', () => {
    expect(said([record('a', ['b', 'c']), record('b', ['c']), record('c')]).order).to.deep.equal(['c', 'b', 'a'])
  })

  it('names a circle, and starts those that are not in it', () => {
    const { order, skipped } = said([record('a', ['b']), record('b', ['a']), record('c'), record('d', ['a'])])
    expect(order).to.deep.equal(['c'])
    expect(skipped.a).to.equal('they require each other: a -> b -> a')
    expect(skipped.b).to.match(/they require each other/)
    expect(skipped.d).to.match(/they require each other/)
  })

  it('names one that requires itself', () => {
    expect(said([record('a', ['a'])]).skipped.a).to.equal('they require each other: a -> a')
  })

  it('names what is not installed, and what is not enabled', () => {
    const { order, skipped } = said([record('a', ['gone']), record('b', ['off']), record('off', [], false)])
    expect(order).to.deep.equal([])
    expect(skipped).to.deep.equal({
      a: 'it requires gone, which is not installed',
      b: 'it requires off, which does not start: it is not enabled',
    })
  })
})
