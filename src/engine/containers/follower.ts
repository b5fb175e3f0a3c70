import { watch } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** Bytes of a log as text that keeps every one of them. */
export const encoding = 'latin1'

/** Cuts text into lines; what has no newline yet is kept for the next. A carriage return is no end of a line. */
export class LineCutter {
  #rest = ''

  take(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
  }
}

/** The text of a file from a position on, chunk by chunk. */
export async function* chunksOf(file: FileHandle, from: number, to = Infinity): AsyncGenerator<string> {
  const buffer = Buffer.alloc(65536)
  for (let at = from; at < to;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.toString(encoding, 0, bytesRead)
  }
}

/**
 * Yields the lines that are appended to a log after `at`, through rotations, woken by inotify(7), until the signal
 * aborts. It has the file; closing it is the iterator's.
 */
export class LogFollower {
  readonly #path: string
  readonly #ended: AbortSignal
  readonly #lines: LineCutter
  #file: FileHandle
  #at: number
  #wake: () => void = () => undefined
  #changed = false
  /** It may have been before it was watched. */
  #replaced = true

  /** @param lines with the beginning of the line that `at` is in the middle of */
  constructor(path: string, file: FileHandle, at: number, lines: LineCutter, ended: AbortSignal) {
    this.#path = path
    this.#file = file
    this.#at = at
    this.#lines = lines
    this.#ended = ended
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const watcher = watch(dirname(this.#path), { persistent: false }, (event, changed) => {
      if (changed !== basename(this.#path)) return
      this.#changed = true
      if (event === 'rename') this.#replaced = true
      this.#wake()
    })
    const onEnd = (): void => this.#wake()
    this.#ended.addEventListener('abort', onEnd)
    try {
      for (;;) {
        const over = this.#ended.aborted
        const replaced = this.#replaced
        this.#changed = false
        for await (const chunk of chunksOf(this.#file, this.#at)) {
          this.#at += chunk.length
          yield* this.#lines.take(chunk)
        }
        if (replaced && (await this.#reopen())) continue
        if (over) return
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changed by a callback meanwhile
        if (!this.#changed && !this.#ended.aborted) await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      watcher.close()
      this.#ended.removeEventListener('abort', onEnd)
      await this.#file.close()
    }
  }

  /** True when there is another file under the name now. */
  async #reopen(): Promise<boolean> {
    this.#replaced = false
    const next = await open(this.#path, 'r')
    const [a, b] = await Promise.all([next.stat(), this.#file.stat()])
    if (a.ino === b.ino) {
      await next.close()
      return false
    }
    await this.#file.close()
    this.#file = next
    this.#at = 0
    return true
  }
}
