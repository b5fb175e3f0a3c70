import { StringDecoder } from 'node:string_decoder'
import { LineSplitter } from '../lib/lines.js'

/** No message of an engine is longer; one that is cannot be read. In UTF-16 units. */
const longestMessage = 8 * 1024 * 1024

/** The messages of an answer that is a JSON value a line, as they come. Throws when the engine hangs up before the end. */
export async function* jsonLines(answer: AsyncIterable<Buffer | string>): AsyncGenerator {
  const decoder = new StringDecoder('utf8')
  const lines = new LineSplitter(longestMessage)
  const parse = (line: string): unknown[] => (line.trim() === '' ? [] : [JSON.parse(line) as unknown])
  for await (const chunk of answer)
    for (const line of lines.read(typeof chunk === 'string' ? chunk : decoder.write(chunk))) yield* parse(line)
  yield* parse(lines.end())
}
