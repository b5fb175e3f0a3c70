import { once } from 'node:events'
import { open, type FileHandle } from 'node:fs/promises'
import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import { deadline } from '../lib/deadline.js'
import { is } from '../errors.js'
import { isOver, logWord, operationChannel, type Operation } from '../store/operations.js'
import type { Store } from '../store/store.js'
import { operationFiles } from '../builds/files.js'

/** A piece of an operation's log. */
export interface LogChunk {
  readonly text: string
  /** Bytes of the log up to the end of this piece: where to go on from after a lost connection. */
  readonly offset: number
}

export interface FollowOptions {
  /** Byte to begin at; default 0. */
  readonly from?: number
  /** False ends at what is written by now; default true: until the operation is over. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/** Looked at this often even if nothing is heard: Redis may have lost one. Milliseconds. */
const patience = 5_000
const pieceBytes = 64 * 1024

/**
 * The log of an operation as it is written, from a byte offset, until the operation is over. Survives Redis and the worker going
 * away meanwhile; ends early, without an error, when `signal` aborts.
 */
export async function* followLog(
  config: Config,
  store: Store,
  id: string,
  { from = 0, follow = true, signal }: FollowOptions = {},
): AsyncGenerator<LogChunk, void> {
  await using watch = follow ? await watchOperation(store, id, true) : null
  let offset = from
  let file: FileHandle | null = null
  try {
    for (;;) {
      if (signal?.aborted === true) return
      // the status first: whatever was logged before the end is then in the file
      const over = watch === null || (await watch.over())
      file ??= await open(operationFiles(config, id).log, 'r').catch(orMissing(null))
      for (;;) {
        if (file === null) break
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, offset)
        const whole = wholeBytes(buffer.subarray(0, bytesRead))
        if (whole === 0) break
        offset += whole
        yield { text: buffer.toString('utf8', 0, whole), offset }
      }
      if (over) return
      await watch.news(signal)
    }
  } finally {
    await file?.close()
  }
}

/** How many bytes there are up to the last whole character: the rest of the next one is read with it. */
function wholeBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue // within a character
    const length = byte < 0xc0 || byte >= 0xf8 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

/** Waits until an operation is over. @returns its last state; one whose app was destroyed meanwhile counts as succeeded */
export async function outcome(store: Store, operation: Operation, signal?: AbortSignal): Promise<Operation> {
  await using watch = await watchOperation(store, operation.id, false)
  for (;;) {
    const now = await watch.state()
    if (now === null) return { ...operation, status: 'succeeded', finishedAt: new Date().toISOString() }
    if (now !== undefined && isOver(now.status)) return now
    signal?.throwIfAborted()
    await watch.news(signal)
  }
}

interface Watch extends AsyncDisposable {
  /** null: there is no such operation; undefined: Redis is away. */
  state(): Promise<Operation | null | undefined>
  over(): Promise<boolean>
  /** Resolves at the next word about the operation, or after a while, or when the signal aborts. */
  news(signal?: AbortSignal): Promise<void>
}

/** @param ofLog whether a line of its log is news */
async function watchOperation(store: Store, id: string, ofLog: boolean): Promise<Watch> {
  const news = new EventTarget()
  let notified = false
  /** Whether the operation may be another than it was when it was last looked at: not by a line of its log. */
  let stale = true
  const unsubscribe = await store.notifications.subscribe(operationChannel(id), (word) => {
    if (word !== logWord) stale = true
    else if (!ofLog) return
    notified = true
    news.dispatchEvent(new Event('news'))
  })
  const state = async () => {
    try {
      return await store.operations.get(id)
    } catch (error) {
      return is(error, 'missing') ? null : undefined
    }
  }
  return {
    state,
    over: async () => {
      if (!stale) return false
      stale = false
      const now = await state()
      stale ||= now === undefined
      return now === null || (now !== undefined && isOver(now.status))
    },
    news: async (signal) => {
      using either = deadline(patience, ...(signal ? [signal] : []))
      if (!notified) await once(news, 'news', { signal: either.signal }).catch(() => (stale = true))
      notified = false
    },
    [Symbol.asyncDispose]: () => {
      unsubscribe()
      return Promise.resolve()
    },
  }
}
