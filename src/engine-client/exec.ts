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

/** Starts a command in a running container, as its user and with its environment, and reads what it writes. */
export async function startExec(
  connection: EngineConnection,
  id: string,
  words: readonly string[],
): Promise<ExecCommand> {
  const options = { Cmd: [...words], AttachStdout: true, AttachStderr: true }
  const exec: Exec = await connection.ask((docker) => docker.getContainer(id).exec(options))
  const stream = await connection.ask(() => exec.start({ hijack: false, stdin: false }))
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
