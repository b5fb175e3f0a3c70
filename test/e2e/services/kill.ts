import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connectEngine } from '../../../src/engine-client/client.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { home, type Instance } from '../instance.js'

/** Kills a service's server with SIGKILL. */
export async function killServer({ config }: Instance, name: string): Promise<void> {
  await using store = await openStore(config)
  const server = await serverOf({ engine: connectEngine(config), config }, await store.services.get(name))
  if (!server?.State.Pid) throw new Error(`${name} does not run`)
  process.kill(server.State.Pid, 'SIGKILL')
}

/**
 * Runs a writer in a service's container, kills the server with SIGKILL once so many lines have come, and has it run again.
 * @returns the lines of the writer, each of which says what was acknowledged
 */
export async function writeAndKill(
  berth: Instance,
  name: string,
  writer: { readonly words: readonly string[]; readonly input?: string },
  lines: number,
): Promise<string[]> {
  const child = spawn(join(home, 'bin/berth'), ['services:enter', name, '--', ...writer.words], {
    env: berth.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => undefined) // it ends with the server
  child.stdin.end(writer.input)
  const closed = once(child, 'close')
  const said: string[] = []
  let killed: Promise<void> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line)
    if (said.length >= lines) killed ??= killServer(berth, name)
  }
  await closed
  if (!killed) throw new Error(`the writer ended by itself, after ${String(said.length)} lines`)
  await killed
  await berth.succeed('services:start', name)
  return said
}
