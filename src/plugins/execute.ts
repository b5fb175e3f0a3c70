import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { BerthError } from '../errors.js'
import { deadline } from '../lib/deadline.js'

export interface ExecuteOptions {
  /** What it reads from its standard input. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** ms that it has. */
  readonly patience: number
  /** Bytes of each of its outputs that are kept; it is ended once it has written more. Default 65536. */
  readonly mostBytes?: number
}

/** How a program ended. */
export interface Executed {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end, without a shell and with nothing of this process's environment but its PATH. What it has started ends with it.
 * @throws BerthError `missing` where it cannot be started, `unavailable` when it takes too long, `large` when it writes too much
 */
export async function execute(file: string, args: readonly string[], options: ExecuteOptions): Promise<Executed> {
  const { input = '', env = {}, cwd = '/', signal, patience, mostBytes = 65_536 } = options
  using late = deadline(patience, ...(signal ? [signal] : []))
  const child = spawn(file, args, {
    ...{ cwd, detached: true, stdio: 'pipe' },
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
  })
  const excess = new AbortController()
  const kill = (): void => killGroup(child.pid)
  late.signal.addEventListener('abort', kill)
  const tooMuch = (): void => {
    excess.abort()
    kill()
  }
  try {
    if (late.signal.aborted) kill()
    child.stdin.on('error', () => undefined) // it need not read
    child.stdin.end(input)
    const [stdout, stderr, [code]] = await Promise.all([
      readStart(child.stdout, mostBytes, tooMuch),
      readStart(child.stderr, mostBytes, tooMuch),
      // whoever holds its outputs open when it has ended is ended
      (once(child, 'exit') as Promise<[number | null]>).finally(kill),
    ])
    if (signal?.aborted) throw signal.reason
    if (late.signal.aborted) throw new BerthError('unavailable', `${file} does not end within ${patience / 1000} s`)
    if (excess.signal.aborted) throw new BerthError('large', `${file} writes more than ${mostBytes} bytes`)
    return { code, stdout, stderr }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (!syscall?.startsWith('spawn')) throw error
    throw new BerthError('missing', `${file} cannot be started (${code ?? ''})`, 'is it there, and executable?', error)
  } finally {
    late.signal.removeEventListener('abort', kill)
    kill()
  }
}

/** Ends a process and what it has started; kill(2). */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function readStart(stream: Readable, most: number, tooMuch: () => void): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (bytes > most) continue
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > most) tooMuch()
  }
  return Buffer.concat(chunks).toString()
}
