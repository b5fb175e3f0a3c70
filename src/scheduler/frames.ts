/** A piece of a container's output: what one frame of the engine's multiplexed stream holds. */
export interface Frame {
  readonly stream: 'stdout' | 'stderr'
  readonly chunk: Buffer
}

/**
 * Takes Docker's multiplexed stream apart (Engine API, "Stream format" of ContainerAttach): frames of 8 bytes of
 * header, `[1|2, 0, 0, 0, length u32be]`, and a body. Feed it chunks as they come.
 */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  read(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    while (this.#rest.length >= 8) {
      const end = 8 + this.#rest.readUInt32BE(4)
      if (this.#rest.length < end) break
      frames.push({ stream: this.#rest[0] === 2 ? 'stderr' : 'stdout', chunk: this.#rest.subarray(8, end) })
      this.#rest = this.#rest.subarray(end)
    }
    return frames
  }
}

/** Cuts a byte stream into lines, each stream on its own, so that lines of both never mix. */
export class LineReader {
  readonly #rest = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }

  read({ stream, chunk }: Frame): string[] {
    const all = Buffer.concat([this.#rest[stream], chunk])
    const end = all.lastIndexOf(10)
    this.#rest[stream] = Buffer.from(all.subarray(end + 1))
    return end < 0 ? [] : all.subarray(0, end).toString('utf8').split('\n').map(clean)
  }

  /** What was left without a newline at the end. */
  end(): string[] {
    const left = [this.#rest.stdout, this.#rest.stderr].filter((rest) => rest.length > 0)
    return left.map((rest) => clean(rest.toString('utf8')))
  }
}

const clean = (line: string): string => line.replace(/\r$/, '')

/** The lines of a whole multiplexed log. */
export function textLines(log: Buffer | string): string[] {
  // dockerode answers with an empty object's worth of nothing when the log is empty
  if (!Buffer.isBuffer(log)) return log.split('\n').filter((line) => line !== '')
  const lines = new LineReader()
  const frames = new FrameReader().read(log)
  return [...frames.flatMap((frame) => lines.read(frame)), ...lines.end()]
}
