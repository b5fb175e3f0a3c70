import { messageOf } from '../errors.js'
import type { Container, ContainerDeps } from './container.js'
import { Exec } from './exec.js'

/** One run of a health check. */
export class Probe {
  readonly #exec: Exec

  constructor(deps: ContainerDeps, container: Container, args: readonly string[]) {
    this.#exec = new Exec(deps, container, {
      args,
      env: [],
      cwd: '',
      user: '',
      tty: false,
      stdin: false,
      stdout: true,
      stderr: true,
      privileged: false,
      detachKeys: Buffer.alloc(0),
    })
  }

  /** Exit code -1 when it took longer than `timeout` ms. */
  async run(timeout: number): Promise<{ exitCode: number; output: string }> {
    let output = ''
    const late = AbortSignal.timeout(timeout)
    const kill = (): void => this.#exec.kill()
    late.addEventListener('abort', kill)
    const onOutput = (_: string, chunk: Buffer): void => {
      if (output.length < 8192) output += chunk.toString()
    }
    this.#exec.announce()
    const exitCode = await this.#exec
      .run({ onOutput }, () => this.#exec.end())
      .catch((error: unknown) => {
        output = messageOf(error)
        return this.#exec.exitCode ?? -1
      })
      .finally(() => late.removeEventListener('abort', kill))
    return late.aborted
      ? { exitCode: -1, output: `Health check exceeded timeout (${goDuration(timeout)})` }
      : { exitCode, output }
  }
}

/** Milliseconds as Go writes them: `50ms`, `1m30s`. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`
  const seconds = ms / 1000
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return `${hours > 0 ? `${hours}h` : ''}${seconds >= 60 ? `${minutes}m` : ''}${Number((seconds % 60).toFixed(3))}s`
}
