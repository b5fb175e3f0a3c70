import { parentPort, Worker } from 'node:worker_threads'
import { codeOf, EngineError, type EngineFault, messageOf } from '../errors.js'
import { threadBegins, threadEnded } from './memory.js'

type CallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: EngineFault; readonly message: string }

/** An idle thread costs memory: it goes after this long, and the next job pays some 40 ms for a new one. */
const idleMs = 30_000

/** The last thing that is posted to a thread. */
const farewell = 'end'

/** A thread that handles one message after the other and answers each. */
export class Thread<Message> {
  dead = false
  readonly #worker: Worker
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param entry of the thread, a module beside the caller's: it handles messages by `handleMessages` */
  constructor(entry: URL) {
    this.#worker = new Worker(entry)
    this.#worker.on('message', (answer: CallResult) => {
      const asked = this.#waiting.shift()
      if (answer.ok) asked?.resolve(answer.value)
      else asked?.reject(new EngineError(answer.fault, answer.message))
    })
    const fail = (error: Error) => {
      this.dead = true
      for (const asked of this.#waiting.splice(0)) asked.reject(error)
    }
    this.#worker.on('error', fail)
    threadBegins()
    this.#worker.once('exit', threadEnded)
    this.#worker.on('exit', () => fail(new EngineError('broken', 'a worker thread ended in the middle of its work')))
  }

  /** @throws EngineError what handling the message failed with */
  post(message: Message, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.dead) return Promise.reject(new EngineError('broken', 'a worker thread has ended'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage(message, [...transfer])
    })
  }

  wake(): void {
    clearTimeout(this.#timer)
    this.#worker.ref()
  }

  rest(gone: () => void): void {
    this.#worker.unref()
    this.#timer = setTimeout(() => {
      gone()
      void this.end()
    }, idleMs).unref()
  }

  /**
   * Ends it once it has handled what was posted before. It is asked to: a thread that is terminated from outside in the
   * middle of native code, be it the loading of that, can end the whole process (nodejs/node-addon-api, issue 902).
   */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.dead) return
    this.#worker.ref()
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#worker.postMessage(farewell)
    await gone
  }
}

/** Called on the thread: handles messages in turn and answers them. `failed` is called when handling one threw. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- says what the two sides agreed on
export function handleMessages<Message>(
  handle: (message: Message) => unknown,
  failed: () => void = () => undefined,
): void {
  const answer = async (message: Message): Promise<CallResult> => {
    try {
      const value = handle(message)
      return { ok: true, value: value instanceof Promise ? await value : value }
    } catch (error) {
      failed()
      const fault = faultOf(error)
      const text = messageOf(error)
      return { ok: false, fault, message: fault === 'full' ? `no space left on device: ${text}` : text }
    }
  }
  // A message is dealt with before the next is looked at, and answers go in the order of the messages: only a job, which
  // is alone on its thread, ever waits.
  parentPort?.on('message', (message: Message | typeof farewell) => {
    if (message === farewell) process.exit()
    void answer(message).then((told) => parentPort?.postMessage(told))
  })
}

/** Names too long for the disk are the archive's fault, a full disk is nobody's. */
function faultOf(error: unknown): EngineFault {
  if (error instanceof EngineError) return error.fault
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : code === 'ENAMETOOLONG' ? 'invalid' : 'broken'
}
