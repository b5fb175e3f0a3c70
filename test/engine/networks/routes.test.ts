import { expect } from 'chai'
import { hostRoutes, parseRoutes, uplinks } from '../../../src/engine/networks/routes.js'

const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
br0	0000570A	00000000	0001	0	0	0	0000FFFF	0	0	0
`

describe('the host’s routes', () => {
  it('are read in the machine’s byte order', () =>
    expect(parseRoutes(table)).to.deep.equal([
      { device: 'eth0', destination: { family: 4, address: 0n, prefix: 0 } },
      { device: 'eth0', destination: { family: 4, address: 0xc0000200n, prefix: 24 } },
      { device: 'br0', destination: { family: 4, address: 0x0a570000n, prefix: 16 } },
    ]))

  it('tell which interfaces lead anywhere', () => expect(uplinks(parseRoutes(table))).to.deep.equal(['eth0']))

  it('leave out a name that could not be quoted', () =>
    expect(uplinks(parseRoutes(table.replaceAll('eth0', 'e"0')))).to.deep.equal([]))

  it('can be read here', () => expect(hostRoutes()).to.be.an('array'))
})
