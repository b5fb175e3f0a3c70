import { Writable, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Exec } from 'dockerode'
import type { EngineConnection } from './connection.js'
import type { ExecEnd } from './exec.js'
import { FrameReader } from './log-frames.js'

/** Bytes of what a command says of itself that are kept: the last. */
const kept = 4 * 1024

/** Where a command's input comes from and its output goes, both as fast as the other end takes it. */
export interface ExecPipes {
  readonly input?: Readable
  readonly output?: Writable
  readonly signal: AbortSignal
}

/**
 * Runs a command in a running container, as its user, with streams for its input and output. `output` is not ended.
 * @returns how it ended, with the last of its standard error; the code is -1 where the engine went away meanwhile
 * @throws what its input or output failed of, and the signal's reason: the command finds its input at an end then
 */
export async function pipeExec(
  connection: EngineConnection,
  id: string,
  words: readonly string[],
  { input, output, signal }: ExecPipes,
): Promise<ExecEnd> {
  signal.throwIfAborted()
  const stdin = input !== undefined
  const options = { Cmd: [...words], AttachStdin: stdin, AttachStdout: true, AttachStderr: true }
  const exec: Exec = await connection.ask((docker) => docker.getContainer(id).exec(options))
  const stream = await connection.ask(() => exec.start({ hijack: true, stdin }))
  const abort = (): void => void stream.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const [said] = await Promise.all([readOutput(stream, output), stdin ? feed(input, stream) : undefined])
    signal.throwIfAborted()
    const { ExitCode } = await connection.ask(() => exec.inspect())
    return { code: ExitCode ?? -1, output: said }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    stream.destroy()
  }
}

/** Gives it its input. A command that ends before it has read all of it says why by its exit code. */
async function feed(input: Readable, stream: Duplex): Promise<void> {
  await pipeline(input, stream, { end: true }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    if (input.errored) throw input.errored
  })
}

/** Takes what it writes apart. @returns the last of its standard error */
async function readOutput(stream: Duplex, output: Writable | undefined): Promise<string> {
  const frames = new FrameReader()
  let said = Buffer.alloc(0)
  const written = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of stream)
      for (const frame of frames.read(chunk as Buffer)) {
        if (frame.stream === 'stdout') yield frame.chunk
        else said = Buffer.concat([said, frame.chunk]).subarray(-kept)
      }
  }
  if (output) await pipeline(written, output, { end: false })
  else await pipeline(written, new Writable({ write: (_chunk, _encoding, done) => done() }))
  return said.toString('utf8')
}
