/**
 * Large bodies by the router, the haproxy plane and Debian's proxies: so many MB down and up, and a hundred clients that read slowly, with
 * the growth of memory meanwhile. `npm run bench:bodies [-- [MB]]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { table } from './figures.js'
import { loadAverage, memoryOf, startProxies, type Proxy } from './proxies.js'

const [megabytes = 1000] = process.argv.slice(2).map(Number)
const bytes = megabytes * 1_000_000
const readers = 100
const looks = 50

/** How much more memory a proxy has had at some moment of the work than before it, KiB. */
async function growth({ pids }: Proxy, work: () => Promise<void>): Promise<number> {
  const before = memoryOf(pids())
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, memoryOf(pids()) - before)), looks)
  await work().finally(() => clearInterval(timer))
  return most
}

/** Has curl do it, in a process of its own. */
async function curl(...args: string[]): Promise<void> {
  const child = spawn('curl', ['-sSf', '-o', '/dev/null', '-H', 'Host: blog.localhost', ...args])
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(`curl ${args.join(' ')} ended with ${code}`)
}

const upload = (port: number): Promise<void> => {
  const source = `head -c ${bytes} /dev/zero | curl -sSf -o /dev/null -H 'Host: blog.localhost' -H 'Expect:' -T - -X POST http://127.0.0.1:${port}/`
  const child = spawn('bash', ['-o', 'pipefail', '-c', source], { stdio: 'inherit' })
  return once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`the upload ended with ${String(code)}`)
  })
}

/** A hundred clients ask for all of it, and read for a moment only. */
async function readSlowly(port: number): Promise<void> {
  const sockets = Array.from({ length: readers }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) socket.write(`GET /${bytes} HTTP/1.1\r\nHost: blog.localhost\r\n\r\n`)
  await Promise.all(sockets.map((socket) => once(socket, 'readable')))
  await sleep(5000)
  for (const socket of sockets) socket.destroy()
}

const rows: (readonly (string | number)[])[] = [
  ['', 'down MB/s', 'grows MiB', 'up MB/s', 'grows MiB', `${readers} slow readers, grows MiB`],
]
await using stage = await startProxies()
for (const proxy of stage.proxies.filter(({ name }) => name !== 'plain http-proxy')) {
  const timed = async (work: () => Promise<void>): Promise<readonly [number, number]> => {
    const began = performance.now()
    const grown = await growth(proxy, work)
    return [bytes / 1000 / (performance.now() - began), grown / 1024]
  }
  const down = await timed(() => curl(`http://127.0.0.1:${proxy.port}/${bytes}`))
  const up = await timed(() => upload(proxy.port))
  const slow = (await growth(proxy, () => readSlowly(proxy.port))) / 1024
  rows.push([proxy.name, ...down, ...up, slow])
}
console.log(`${megabytes} MB each way, ${loadAverage()}`)
console.log(table(rows))
