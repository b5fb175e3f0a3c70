import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process in a network namespace of its own, standing in for a container. */
export interface Peer extends AsyncDisposable {
  readonly pid: number
  /** What a server at that address answers, or the code of the error (`ECONNREFUSED`, `TIMEOUT`). */
  ask(host: string, port: number): Promise<string>
}

const script = fileURLToPath(new URL('fixtures/peer.mjs', import.meta.url))

/** Starts one; it answers "<name> sees <remote address>" on TCP and UDP port 80. */
export async function startPeer(name: string): Promise<Peer> {
  const child = spawn('unshare', ['--net', '--kill-child', process.execPath, script, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  if ((await lines.next()).value !== 'ready') throw new Error(`peer ${name} did not start`)
  return {
    pid: child.pid ?? 0,
    ask: async (host, port) => {
      child.stdin.write(`${host} ${port}\n`)
      return String((await lines.next()).value)
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}
