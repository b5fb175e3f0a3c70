/**
 * What the router costs, and the haproxy plane, beside Debian's proxies and a bare http-proxy in front of the same app in the same run:
 * requests a second, latency, and processor time a request of the proxy alone. wrk is the load, a closed loop over kept connections.
 * `npm run bench:router [-- [seconds] [connections] [rounds]]`; needs wrk, and of nginx, haproxy and caddy what is there.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { median, table } from './figures.js'
import { answer, loadAverage, processorTime, startProxies, type Proxy } from './proxies.js'

interface Figures {
  readonly perSecond: number
  readonly micros: number
  readonly p50: number
  readonly p99: number
}

const inMs = (text: string, unit: string): number => Number(text) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? NaN)

/** One round of load. */
async function load({ port, pids }: Proxy, { seconds, connections }: Settings): Promise<Figures> {
  const before = processorTime(pids())
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-H', 'Host: blog.localhost']
  const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}/`])
  const spent = processorTime(pids()) - before
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  const quantileOf = (q: string) => {
    const [, value = '', unit = ''] = new RegExp(`${q}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? []
    return inMs(value, unit)
  }
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`port ${port}: ${stdout}`)
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    micros: (spent * 1000) / requests,
    p50: quantileOf('50'),
    p99: quantileOf('99'),
  }
}

interface Settings {
  readonly seconds: number
  readonly connections: number
  readonly rounds: number
}

async function measure(settings: Settings): Promise<void> {
  await using stage = await startProxies()
  const figures = new Map<string, Figures[]>(stage.proxies.map(({ name }) => [name, []]))
  for (let round = 0; round <= settings.rounds; round++)
    for (const proxy of stage.proxies) {
      const one = await load(proxy, settings)
      if (round > 0) figures.get(proxy.name)?.push(one) // the first is to warm up
    }
  const { seconds, connections, rounds } = settings
  console.log(
    `${connections} connections, ${answer.length} bytes, medians of ${rounds} x ${seconds} s, ${loadAverage()}`,
  )
  const of = (all: readonly Figures[], key: keyof Figures) => median(all.map((one) => one[key]))
  console.log(
    table([
      ['', 'requests/s', 'µs/request', 'p50 ms', 'p99 ms'],
      ...[...figures].map(([name, all]) => [
        name,
        Math.round(of(all, 'perSecond')).toString(),
        Math.round(of(all, 'micros')).toString(),
        of(all, 'p50'),
        of(all, 'p99'),
      ]),
    ]),
  )
}

const [seconds = 3, connections = 64, rounds = 5] = process.argv.slice(2).map(Number)
await measure({ seconds, connections, rounds })
