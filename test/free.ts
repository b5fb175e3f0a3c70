import { randomInt } from 'node:crypto'
import { once } from 'node:events'
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

/** The second byte of the pool 10.x.0.0/16 of an instance under test; files that run side by side get different ones. */
export function poolByte(): number {
  const worker = Number(process.env.MOCHA_WORKER_ID ?? 0) % 2
  return 100 + 2 * randomInt(75) + worker
}
