import { expect } from 'chai'
import { forward } from '../../../src/engine/networks/forward.js'
import { parseQuery, responseCode } from '../../../src/engine/networks/dns-message.js'
import { Resolver, resolverAddress } from '../../../src/engine/networks/resolver.js'
import { inside } from './lab.js'
import { startPeer } from './peer.js'

/** A query for one label, RFC 1035 section 4.1. */
const queryFor = (label: string) => {
  const head = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length])
  const query = parseQuery(Buffer.concat([head, Buffer.from(label), Buffer.from([0, 0, 1, 0, 1])]))
  if (!query) throw new Error('no query')
  return query
}

describe('a resolver', function () {
  if (process.getuid?.() !== 0) return

  it('says that it failed when an answer cannot be found, over UDP and TCP, and goes on', async () => {
    await using peer = await startPeer('asks')
    inside(peer, 'ip', 'link', 'set', 'lo', 'up')
    const netns = `/proc/${peer.pid}/ns/net`
    await using stack = new AsyncDisposableStack()
    stack.use(await Resolver.open(netns, () => Promise.reject(new Error('the list of servers cannot be read'))))
    for (const transport of ['udp', 'tcp', 'udp'] as const) {
      const query = queryFor('elsewhere')
      const response = await forward(query, transport, [resolverAddress], netns)
      expect(response && responseCode(query, response), transport).to.equal(2)
    }
  })
})
