/** A line of the engine's answer to a build or a pull (Docker Engine API, `POST /build`). */
export interface EngineEvent {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly progress?: string
  readonly error?: string
  readonly aux?: unknown
}

/** The events of an answer, as they come. Throws when the engine hangs up before the end. */
export async function* events(output: NodeJS.ReadableStream): AsyncGenerator<EngineEvent> {
  const decoder = new TextDecoder()
  let partial = ''
  for await (const chunk of output) {
    const lines = (partial + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as EngineEvent
  }
  if (partial.trim() !== '') yield JSON.parse(partial) as EngineEvent
}
