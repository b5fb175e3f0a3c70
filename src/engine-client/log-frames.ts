import type { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { LineSplitter } from '../lib/lines.js'

/** A piece of a container's output: what one frame of the engine's multiplexed stream holds. */
export interface LogFrame {
  readonly stream: 'stdout' | 'stderr'
  readonly chunk: Buffer
  /** It goes on where the frame before it ended: one that is too large to be kept whole comes in pieces. */
  readonly continues?: true
}

/** Bytes of a frame that is kept until it is whole; engines send 32 KiB at most. */
const largestWhole = 256 * 1024

/**
 * Takes Docker's multiplexed stream apart (Engine API, "Stream format" of ContainerAttach): frames of 8 bytes of
 * header, `[1|2, 0, 0, 0, length u32be]`, and a body. Feed it chunks as they come.
 */
export class FrameReader {
  #head = Buffer.alloc(0)
  #stream: LogFrame['stream'] = 'stdout'
  /** Bytes of the frame that are still to come; 0 between frames. */
  #missing = 0
  #parts: Buffer[] = []
  #large = false
  #begun = false

  read(chunk: Buffer): LogFrame[] {
    const frames: LogFrame[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (this.#missing === 0) {
        const used = Math.min(8 - this.#head.length, rest.length)
        this.#head = Buffer.concat([this.#head, rest.subarray(0, used)])
        rest = rest.subarray(used)
        if (this.#head.length === 8) this.#open(frames)
        continue
      }
      const part = rest.subarray(0, this.#missing)
      rest = rest.subarray(part.length)
      this.#missing -= part.length
      if (this.#large) {
        frames.push({ stream: this.#stream, chunk: part, ...(this.#begun ? { continues: true } : {}) })
        this.#begun = true
        continue
      }
      this.#parts.push(part)
      if (this.#missing > 0) continue
      frames.push({ stream: this.#stream, chunk: this.#parts.length === 1 ? part : Buffer.concat(this.#parts) })
      this.#parts = []
    }
    return frames
  }

  #open(frames: LogFrame[]): void {
    this.#stream = this.#head[0] === 2 ? 'stderr' : 'stdout'
    this.#missing = this.#head.readUInt32BE(4)
    this.#large = this.#missing > largestWhole
    this.#begun = false
    this.#head = Buffer.alloc(0)
    if (this.#missing === 0) frames.push({ stream: this.#stream, chunk: Buffer.alloc(0) })
  }
}

/** Bytes of one stream, cut into lines of text. */
class Text {
  readonly #decoder = new StringDecoder('utf8')
  readonly #lines = new LineSplitter()

  read(chunk: Buffer): string[] {
    return this.#lines.read(this.#decoder.write(chunk)).map(clean)
  }

  end(): string[] {
    const lines = this.#lines.read(this.#decoder.end())
    const left = this.#lines.end()
    return [...lines, ...(left === '' ? [] : [left])].map(clean)
  }
}

/** Cuts a byte stream into lines, each stream on its own, so that lines of both never mix. */
export class LineReader {
  readonly #texts = { stdout: new Text(), stderr: new Text() }

  read({ stream, chunk }: LogFrame): string[] {
    return this.#texts[stream].read(chunk)
  }

  /** What was left without a newline at the end. */
  end(): string[] {
    return [...this.#texts.stdout.end(), ...this.#texts.stderr.end()]
  }
}

/** A line of a log, and when its first byte was written, RFC 3339. */
export interface StampedLine {
  readonly time: string
  readonly stream: LogFrame['stream']
  readonly text: string
}

/** Longest time that an engine writes, with a blank after it. */
const longestTime = 64

/** What an engine writes a time before, and counts: each record of a line, as Docker does, or each line, as Berth does. */
export type Stamps = 'records' | 'lines'

/**
 * Reads a log with timestamps: a frame is a record, with a time and a blank before it. An engine keeps a line in several
 * records where it is long (8 or 16 KiB) or was written in pieces, of which only the last ends with a newline; together they
 * are one line, of the first one's time.
 */
export class RecordReader {
  readonly #stamps: Stamps
  readonly #texts = { stdout: new Text(), stderr: new Text() }
  /** Of the line that has begun. */
  readonly #times: Record<LogFrame['stream'], string | null> = { stdout: null, stderr: null }
  /** Times so far. */
  count = 0

  constructor(stamps: Stamps) {
    this.#stamps = stamps
  }

  read({ stream, chunk, continues }: LogFrame): StampedLine[] {
    let body = chunk
    if (!continues && (this.#stamps === 'records' || this.#times[stream] === null)) {
      this.count++
      const end = chunk.subarray(0, longestTime).indexOf(0x20)
      this.#times[stream] ??= chunk.toString('latin1', 0, Math.max(end, 0))
      body = chunk.subarray(end + 1)
    }
    const time = this.#times[stream] ?? ''
    if (body.at(-1) === 0x0a) this.#times[stream] = null
    return this.#texts[stream].read(body).map((text) => ({ time, stream, text }))
  }

  end(): StampedLine[] {
    return (['stdout', 'stderr'] as const).flatMap((stream) =>
      this.#texts[stream].end().map((text) => ({ time: this.#times[stream] ?? '', stream, text })),
    )
  }
}

const clean = (line: string): string => line.replace(/\r$/, '')

/**
 * What a command that somebody sits before writes: as it comes from a terminal, else in frames. Ends without an error where it is cut
 * off, by an engine that was killed or a client that left: how the command ended tells.
 */
export async function* sessionFrames(stream: Duplex, tty: boolean): AsyncGenerator<LogFrame> {
  const reader = new FrameReader()
  try {
    // an async iterator of the stream itself would destroy it, and with it stdin, when its reader stops
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (tty) yield { stream: 'stdout', chunk }
      else yield* reader.read(chunk)
    }
  } catch {
    // as above
  }
}
