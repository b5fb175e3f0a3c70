import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Below those that outgoing connections are given (ip_local_port_range): one of them may take a port between a look and its use. */
const [lowest, highest] = [10_000, 32_000]
/** Files that run at once have ports of their own: at most so many do. */
const workers = 8
const mine = Number(process.env.MOCHA_WORKER_ID ?? workers - 1) % workers
let last = randomInt(highest - lowest)

/** A port that nobody has at the moment, for what must be named before it is there. */
export async function freePort(): Promise<number> {
  for (let tried = lowest; tried < highest; tried += workers) {
    last = (last + workers) % (highest - lowest)
    const port = lowest + last - (last % workers) + mine
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  const tried = once(probe.listen(port), 'listening').then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      return false
    },
  )
  if (!(await tried)) return false
  probe.close()
  await once(probe, 'close')
  return true
}

let turn = randomInt(75)

/** The second byte of a pool 10.x.0.0/16 that no instance on this machine has, nor any of a file that runs beside. */
export function poolByte(): number {
  const worker = Number(process.env.MOCHA_WORKER_ID ?? 0) % 2
  // proc_net_route: destinations in hexadecimal, the first byte last
  const taken = new Set(
    [...readFileSync('/proc/net/route', 'utf8').matchAll(/\t[0-9A-F]{4}([0-9A-F]{2})0A\t/g)].map(([, byte = '']) =>
      parseInt(byte, 16),
    ),
  )
  for (;;) {
    const byte = 100 + 2 * (turn++ % 75) + worker
    if (!taken.has(byte)) return byte
  }
}
