import { jsonLines } from './json-lines.js'

/** A line of the engine's answer to a build, a pull or a load (Docker Engine API, `POST /build`). */
export interface ProgressMessage {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly progress?: string
  readonly error?: string
  readonly aux?: unknown
}

/** The messages of an answer, as they come. Throws when the engine hangs up before the end. */
export async function* progressOf(answer: NodeJS.ReadableStream): AsyncGenerator<ProgressMessage> {
  yield* jsonLines(answer as AsyncIterable<Buffer>) as AsyncGenerator<ProgressMessage>
}

/** Waits for the end of what the engine was asked to do. @throws Error in the engine's words */
export async function finished(messages: AsyncIterable<ProgressMessage>): Promise<void> {
  for await (const { error } of messages) if (error !== undefined) throw new Error(error.trim())
}
