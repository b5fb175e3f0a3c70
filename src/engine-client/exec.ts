import type { Duplex } from 'node:stream'
import type { Exec } from 'dockerode'
import type { EngineConnection } from './connection.js'
import { orMissing } from '../lib/missing.js'
import { FrameReader } from './log-frames.js'

/** Bytes of a command's output that are kept. */
const kept = 4 * 1024

/** How a command in a container ended. */
export interface ExecEnd {
  readonly code: number
  /** The first of what it wrote, both streams. */
  readonly output: string
}

/** A command that was started in a running container. */
export interface ExecCommand {
  /** Resolves when it has ended, or rejects with the signal: the command goes on then, for no engine can end it. */
  end(signal: AbortSignal): Promise<ExecEnd>
  /** Whether it still runs. @throws BerthError `unavailable` where that cannot be told */
  runs(): Promise<boolean>
}

/**
 * Starts a command in a running container, as its user and with its environment, and reads what it writes.
 * @param input its standard input; none unless given
 */
export async function startExec(
  connection: EngineConnection,
  id: string,
  words: readonly string[],
  input?: string,
): Promise<ExecCommand> {
  const stdin = input !== undefined
  const options = { Cmd: [...words], AttachStdin: stdin, AttachStdout: true, AttachStderr: true }
  const exec: Exec = await connection.ask((docker) => docker.getContainer(id).exec(options))
  const stream = await connection.ask(() => exec.start({ hijack: stdin, stdin }))
  if (stdin) stream.end(input)
  const chunks: Buffer[] = []
  let size = 0
  const over = new Promise<void>((resolve) => {
    stream.on('close', resolve).on('end', resolve)
    stream.on('error', () => resolve())
  })
  const frames = new FrameReader()
  stream.on('data', (chunk: Buffer) => {
    // what is written is read to its end, or the command would wait for its reader
    for (const frame of frames.read(chunk)) {
      if (size < kept) chunks.push(frame.chunk.subarray(0, kept - size))
      size += frame.chunk.length
    }
  })
  const look = () => connection.ask(() => exec.inspect())
  return {
    end: async (signal) => {
      await untilAborted(over, signal)
      const { ExitCode } = await look()
      return { code: ExitCode ?? -1, output: Buffer.concat(chunks).toString('utf8') }
    },
    runs: async () => (await look().catch(orMissing(null)))?.Running === true,
  }
}

/** A command in a container that somebody sits before. */
export interface EnteredExec {
  /** What is written is its standard input; what is read its output, in frames unless it has a terminal. */
  readonly stream: Duplex
  readonly resize: (columns: number, rows: number) => Promise<void>
  /** Resolves with its exit code. */
  readonly ended: () => Promise<number>
}

/** Starts a command in a running container, as its user, for somebody to sit before. */
export async function enterContainer(
  connection: EngineConnection,
  id: string,
  words: readonly string[],
  tty: boolean,
): Promise<EnteredExec> {
  const options = { Cmd: [...words], AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: tty }
  const more = tty ? { Env: ['TERM=xterm-256color'] } : {}
  const exec: Exec = await connection.ask((docker) => docker.getContainer(id).exec({ ...options, ...more }))
  const stream = await connection.ask(() => exec.start({ hijack: true, stdin: true, Tty: tty }))
  const over = new Promise<void>((resolve) => stream.once('close', resolve).once('end', resolve).on('error', resolve))
  return {
    stream,
    resize: async (columns, rows) => {
      await connection.ask(() => exec.resize({ w: columns, h: rows }))
    },
    ended: async () => {
      await over
      const { ExitCode } = await connection.ask(() => exec.inspect())
      return ExitCode ?? -1
    },
  }
}

async function untilAborted(done: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  let stop: (() => void) | undefined
  const aborted = new Promise<void>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([done, aborted])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}
