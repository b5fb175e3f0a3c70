import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { patience } from './patience.js'

/** For Node.js: runs the TypeScript of this checkout as it is. */
export const typescript = `--import=${new URL('../strip-types.js', import.meta.url).href}`

export interface Outcome {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string | Buffer
  /** Ends it with SIGKILL and throws; default 60 s. */
  readonly timeoutMs?: number
  /** Called before it gets its input. */
  readonly started?: (pid: number) => void
}

/** Runs a program to its end and answers with what it said; never throws for an exit code. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: 'pipe' })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.on('error', () => undefined) // it may end without reading
  if (child.pid !== undefined) options.started?.(child.pid)
  child.stdin.end(options.input)
  const late = AbortSignal.timeout((options.timeoutMs ?? 60_000) * patience)
  late.addEventListener('abort', () => child.kill('SIGKILL'))
  const [code] = (await once(child, 'close')) as [number | null]
  const outcome = { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
  if (late.aborted && code === null)
    throw new Error(`${command} ${args.join(' ')} took too long; it said:\n${outcome.stdout}\n${outcome.stderr}`)
  return outcome
}

/** The same, but an exit code other than 0 throws with everything it said. @returns its stdout, trimmed */
export async function must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}:\n${stdout}\n${stderr}`)
  return stdout.trim()
}
