import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'

/** A server that a test has started. Disposing ends it and removes its folder. */
export interface Daemon extends AsyncDisposable {
  /** All that it has said. */
  readonly log: readonly string[]
  /** `line` for each line that it says. */
  readonly lines: EventEmitter
}

/** Starts a server, which says `ready` when it is. @param dir its folder, removed with it, also when it does not start */
export async function startDaemon(
  command: string,
  args: readonly string[],
  { ready, dir, env = process.env }: { readonly ready: string; readonly dir: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Daemon> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const log: string[] = []
  const lines = new EventEmitter()
  const started = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => {
        log.push(line)
        if (line.includes(ready)) resolve()
        lines.emit('line', line)
      })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${command} ended:\n${log.join('\n')}`)))
  })
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await started
  } catch (error) {
    await dispose()
    throw error
  }
  return { log, lines, [Symbol.asyncDispose]: dispose }
}
