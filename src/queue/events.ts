import { LineSplitter } from '../lib/lines.js'

/** A line of the engine's answer to a build or a pull (Docker Engine API, `POST /build`). */
export interface EngineEvent {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly progress?: string
  readonly error?: string
  readonly aux?: unknown
}

/** No message of an engine is longer; one that is cannot be read, in UTF-16 units. */
const longestEvent = 8 * 1024 * 1024

/** The events of an answer, as they come. Throws when the engine hangs up before the end. */
export async function* events(output: NodeJS.ReadableStream): AsyncGenerator<EngineEvent> {
  const decoder = new TextDecoder()
  const lines = new LineSplitter(longestEvent)
  const parse = (line: string): EngineEvent[] => (line.trim() === '' ? [] : [JSON.parse(line) as EngineEvent])
  for await (const chunk of output)
    for (const line of lines.read(decoder.decode(chunk as Buffer, { stream: true }))) yield* parse(line)
  yield* parse(lines.end())
}
