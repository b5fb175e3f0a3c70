import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { readIfThere } from '../lib/missing.js'

/** ms after which code that has not given the thread back never will. */
const usualMs = 30_000
/** ms between two signs that the thread is not kept. */
const beatMs = 1000

/** Another thread, which the one that is kept need not answer: it writes down whose code is being run, and ends the process. */
const code = `
const { appendFileSync } = require('node:fs')
const { parentPort, workerData: { beats, ms, beatMs } } = require('node:worker_threads')
const beat = new Int32Array(beats)
const running = new Map()
let [seen, since] = [0, Date.now()]
parentPort.on('message', ({ file, revision }) => {
  if (running.size === 0) since = Date.now()
  if (revision === null) running.delete(file)
  else running.set(file, revision)
})
setInterval(() => {
  const now = Atomics.load(beat, 0)
  if (now !== seen || running.size === 0) [seen, since] = [now, Date.now()]
  if (Date.now() - since < ms) return
  try {
    for (const [file, revision] of running) appendFileSync(file, revision + '\\n')
  } finally {
    process.kill(process.pid, 'SIGKILL')
  }
}, Math.min(beatMs, ms / 4))`

/** One that has kept a thread so often is given none any more. */
export const mostHeld = 3

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Where it is written down how often a plugin has kept the thread. */
const recordOf = (root: string, name: string): string => join(root, 'plugins', '.data', `${name}.held`)

/** How often one of that revision has kept the thread of a process until it was ended. */
export async function timesHeld(root: string, name: string, revision: number): Promise<number> {
  const lines = ((await readIfThere(recordOf(root, name))) ?? '').split('\n')
  return lines.filter((line) => line === String(revision)).length
}

export const forgetHeld = (root: string, name: string): Promise<void> => rm(recordOf(root, name), { force: true })

/** The same properties, which may change: a proxy has to answer with those of a frozen object as they are (ECMA-262, 10.5.8). */
function open<T extends object>(instance: T): T {
  const all = Object.entries(Object.getOwnPropertyDescriptors(instance)).map(([name, property]) => [
    name,
    { ...property, configurable: true, ...('value' in property && { writable: true }) },
  ])
  return Object.create(
    Object.getPrototypeOf(instance) as object | null,
    Object.fromEntries(all) as PropertyDescriptorMap,
  ) as T
}

/**
 * Ends this process where code of a plugin that it calls does not give its thread back, and remembers which: nothing else of it would
 * go on, and the supervisor starts it anew. It costs a thread from when the first plugin is guarded.
 */
export class ThreadGuard {
  readonly #root: string
  readonly #ms: number
  readonly #beat = new Int32Array(new SharedArrayBuffer(4))
  readonly #calls = new Map<string, number>()
  #thread: Worker | undefined
  #beating: NodeJS.Timeout | undefined

  /** @param root of the instance @param ms that the thread may be kept */
  constructor(root: string, ms = usualMs) {
    this.#root = root
    this.#ms = ms
  }

  /** The same object, whose methods are watched, and those of objects in it. */
  async guard<T extends object>(name: string, revision: number, instance: T): Promise<T> {
    const file = recordOf(this.#root, name)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    this.#open()
    return this.#watched(file, revision, instance)
  }

  /** Guards nothing any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beating)
    await this.#thread?.terminate()
    this.#thread = undefined
  }

  #watched<T extends object>(file: string, revision: number, instance: T): T {
    return new Proxy(open(instance), {
      get: (_, key) => {
        const value: unknown = Reflect.get(instance, key, instance)
        if (isPlain(value)) return this.#watched(file, revision, value)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => this.#call(file, revision, () => Reflect.apply(value, instance, args))
      },
    })
  }

  #open(): void {
    if (this.#thread) return
    const workerData = { beats: this.#beat.buffer, ms: this.#ms, beatMs }
    this.#thread = new Worker(code, { eval: true, workerData, env: {}, execArgv: [] })
    this.#thread.unref()
  }

  #call(file: string, revision: number, task: () => unknown): unknown {
    this.#count(file, 1, revision)
    let result: unknown
    try {
      result = task()
    } finally {
      if (!(result instanceof Promise)) this.#count(file, -1, revision)
    }
    return result instanceof Promise ? result.finally(() => this.#count(file, -1, revision)) : result
  }

  #count(file: string, more: 1 | -1, revision: number): void {
    const calls = (this.#calls.get(file) ?? 0) + more
    if (calls > 0) this.#calls.set(file, calls)
    else this.#calls.delete(file)
    if (calls === (more === 1 ? 1 : 0)) this.#thread?.postMessage({ file, revision: more === 1 ? revision : null })
    if (this.#calls.size === 0) {
      clearInterval(this.#beating)
      this.#beating = undefined
    } else this.#beating ??= setInterval(() => Atomics.add(this.#beat, 0, 1), Math.min(beatMs, this.#ms / 4)).unref()
  }
}
