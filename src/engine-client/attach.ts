import { request, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Nobody detaches from a one-off, so every key is its own: an engine has keys for it, here a byte that no text has. */
const never = '%FF,%FF'

/**
 * Attaches to a container that has not started yet: what is written goes to its standard input, what is read is its
 * output (in frames unless it has a terminal). Not dockerode's `attach`: that sends its options as a body too, which podman
 * passes on to the container's standard input.
 */
export function attachToContainer(socketPath: string, id: string, stdin: boolean): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const path = `/containers/${id}/attach?stream=1&stdout=1&stderr=1${stdin ? `&stdin=1&detachKeys=${never}` : ''}`
    const headers = { connection: 'Upgrade', upgrade: 'tcp', 'content-length': '0' }
    const asked = request({ socketPath, path, method: 'POST', headers, agent: false })
    asked.once('error', reject)
    asked.once('response', (response: IncomingMessage) => {
      response.destroy()
      reject(new Error(`the engine would not attach (HTTP ${response.statusCode ?? 0})`))
    })
    asked.once('upgrade', (_, socket: Duplex, head: Buffer) => {
      if (head.length > 0) socket.unshift(head)
      // half of it ends when the command has read all, or written all
      socket.on('error', () => undefined)
      resolve(socket)
    })
    asked.end()
  })
}
