/**
 * What connections at rest cost: so many kept HTTP/1 connections after a request each, then so many WebSockets, by the router, the haproxy
 * plane and Debian's proxies. Clients come from many loopback addresses. `npm run bench:connections [-- [kept] [sockets]]`
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { table } from './figures.js'
import { loadAverage, memoryOf, startProxies, type Proxy } from './proxies.js'

const [kept = 10_000, webSockets = 2000] = process.argv.slice(2).map(Number)

const plain = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n'
const upgrade =
  'GET / HTTP/1.1\r\nHost: blog.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2tra2tra2tra2tra2traw==\r\n\r\n'

/** One connection, from an address that has a hundred. */
async function open(port: number, number: number, head: string): Promise<Socket> {
  const localAddress = `127.1.${Math.floor(number / 25_000)}.${1 + (Math.floor(number / 100) % 250)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  await once(socket, 'connect')
  socket.write(head)
  await once(socket, 'data')
  socket.resume()
  return socket
}

/** Opens them, 50 at a time. */
async function openAll(port: number, count: number, head: string): Promise<Socket[]> {
  const sockets: Socket[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) sockets.push(await open(port, next++, head))
  }
  await Promise.all(Array.from({ length: 50 }, lane))
  return sockets
}

const rest = 3000

/** KiB before, and for each connection, of those that are held when all have rested for a moment. */
async function cost({ port, pids }: Proxy, count: number, head: string) {
  for (const socket of await openAll(port, 500, head)) socket.destroy() // what it takes once
  await sleep(rest)
  const before = memoryOf(pids())
  const sockets = await openAll(port, count, head)
  await sleep(rest)
  const each = ((memoryOf(pids()) - before) / count) * 1.024
  const held = sockets.filter((socket) => !socket.closed).length
  for (const socket of sockets) socket.destroy()
  await sleep(rest)
  return { before, each, held }
}

const rows: (readonly (string | number)[])[] = [['', 'MiB at rest', 'kept', 'kB each', 'WebSockets', 'kB each']]
for (const name of ['router', 'router, haproxy', 'caddy', 'nginx', 'haproxy']) {
  // what one kind leaves behind is not to be of use to the other
  const fresh = async (count: number, head: string) => {
    await using stage = await startProxies({ only: [name] })
    const [proxy] = stage.proxies
    return proxy && (await cost(proxy, count, head))
  }
  const one = await fresh(kept, plain)
  const other = await fresh(webSockets, upgrade)
  if (one && other) rows.push([name, one.before / 1024, String(one.held), one.each, String(other.held), other.each])
}
console.log(`${kept} kept connections and ${webSockets} WebSockets, ${loadAverage()}`)
console.log(table(rows))
