import { expect } from 'chai'
import { ContainerCatalog } from '../../../src/engine/containers/catalog.js'
import { Container } from '../../../src/engine/containers/container.js'
import type { ContainerRecord } from '../../../src/engine/containers/record.js'

describe('the catalog of containers', () => {
  const made = (id: string, name: string): Container =>
    new Container({
      id,
      name,
      created: id,
      image: 'sha256:1',
      mounts: [{ name: 'v' }],
      endpoints: [{ networkId: 'n' }],
      state: { status: 'created' },
    } as unknown as ContainerRecord)

  it('shows one that is being made to nobody, and gives away neither its name nor what it uses', () => {
    const catalog = new ContainerCatalog()
    const container = made('aaa', 'web')
    catalog.reserve(container)
    expect(catalog.all()).to.deep.equal([])
    for (const reference of ['web', '/web', 'aaa', 'a'])
      expect(() => catalog.find(reference), reference).to.throw('No such container')
    const taken = () => [catalog.named('web')?.id, catalog.ofImage('sha256:1'), catalog.ofVolume('v')]
    expect(taken()).to.deep.equal(['aaa', ['aaa'], ['aaa']])
    expect(catalog.ofNetwork('n').map(({ id }) => id)).to.deep.equal(['aaa'])
    catalog.add(container)
    expect(catalog.all()).to.deep.equal([container])
    for (const reference of ['web', '/web', 'aaa', 'a']) expect(catalog.find(reference)).to.equal(container)
    expect(taken()).to.deep.equal(['aaa', ['aaa'], ['aaa']])
    catalog.delete('aaa')
    expect(taken()).to.deep.equal([undefined, [], []])
  })

  it('gives a name back when nothing came of it', () => {
    const catalog = new ContainerCatalog()
    catalog.reserve(made('aaa', 'web'))
    catalog.delete('aaa')
    expect(catalog.named('web')).to.equal(undefined)
  })

  it('finds by id, name and prefix, the name before the prefix', () => {
    const catalog = new ContainerCatalog()
    for (const [id, name] of [
      ['abc1', 'one'],
      ['abc2', 'abc1x'],
      ['d1', 'abc'],
    ] as const)
      catalog.add(made(id, name))
    expect(catalog.find('abc').id).to.equal('d1')
    expect(catalog.find('abc1').id).to.equal('abc1')
    expect(() => catalog.find('ab')).to.throw('Multiple IDs found')
    expect(() => catalog.find('')).to.throw('No such container')
  })
})
