import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'

/** A port that nobody has at the moment, for what must be named before it is there. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
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
