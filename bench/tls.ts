/**
 * TLS by the router, the haproxy plane and Debian's proxies, in front of the same app in one run: new handshakes (openssl s_time, TLS 1.3), and
 * HTTP/2 with a hundred streams on each of eight connections (h2load). `npm run bench:tls [-- [seconds] [rounds]]`; needs h2load.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { median, table } from './figures.js'
import { loadAverage, processorTime, startProxies, type Proxy } from './proxies.js'

const run = promisify(execFile)

interface Figures {
  readonly handshakes: number
  readonly handshakeMicros: number
  readonly requests: number
  readonly requestMicros: number
}

/** New connections of two clients, each of which ends its own before the next. */
async function shake(port: number, seconds: number): Promise<number> {
  const args = ['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', String(seconds)]
  const both = await Promise.all([run('openssl', args), run('openssl', args)])
  return both.reduce((sum, { stdout }) => sum + Number(/(\d+) connections in \d+ real seconds/.exec(stdout)?.[1]), 0)
}

/** Requests that were answered well. @throws where one was not */
async function ask(port: number, seconds: number): Promise<number> {
  const load = ['-t1', '-c8', '-m100', '-D', String(seconds), `--connect-to=127.0.0.1:${port}`]
  const { stdout } = await run('h2load', [...load, 'https://blog.localhost/'])
  const [, ok, failed] = /(\d+) succeeded, (\d+) failed/.exec(stdout) ?? []
  const statuses = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(stdout)
  if (Number(failed) > 0 || statuses?.slice(2).some((count) => Number(count) > 0)) throw new Error(stdout)
  return Number(ok)
}

async function measure({ securePort = 0, pids }: Proxy, seconds: number): Promise<Figures> {
  const spent = async (work: (port: number, seconds: number) => Promise<number>) => {
    const before = processorTime(pids())
    const count = await work(securePort, seconds)
    return { perSecond: count / seconds, micros: ((processorTime(pids()) - before) * 1000) / count }
  }
  const [shaken, asked] = [await spent(shake), await spent(ask)]
  return {
    ...{ handshakes: shaken.perSecond, handshakeMicros: shaken.micros },
    ...{ requests: asked.perSecond, requestMicros: asked.micros },
  }
}

const [seconds = 3, rounds = 3] = process.argv.slice(2).map(Number)
await using stage = await startProxies()
const spoken = stage.proxies.filter(({ securePort }) => securePort !== undefined)
const figures = new Map<string, Figures[]>(spoken.map(({ name }) => [name, []]))
for (let round = 0; round <= rounds; round++)
  for (const proxy of spoken) {
    const one = await measure(proxy, seconds)
    if (round > 0) figures.get(proxy.name)?.push(one) // the first is to warm up
  }
console.log(`medians of ${rounds} x ${seconds} s, ${loadAverage()}`)
const of = (all: readonly Figures[], key: keyof Figures): string =>
  Math.round(median(all.map((one) => one[key]))).toString()
console.log(
  table([
    ['', 'handshakes/s', 'µs each', 'h2 requests/s', 'µs each'],
    ...[...figures].map(([name, all]) => [
      name,
      of(all, 'handshakes'),
      of(all, 'handshakeMicros'),
      of(all, 'requests'),
      of(all, 'requestMicros'),
    ]),
  ]),
)
