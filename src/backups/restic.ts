import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { BerthError } from '../errors.js'
import { LineSplitter } from '../lib/lines.js'
import { harmless } from '../lib/terminal.js'
import type { ResticPlace } from './target.js'

/** What restic needs to know of a repository. */
export interface ResticDeps {
  readonly place: ResticPlace
  /** File with the key. */
  readonly key: string
  readonly cache: string
  /** ms without a step forward after which it is ended. */
  readonly patience: number
}

/** Bytes of an answer that is read whole: a snapshot is some 2 KiB. */
const longestAnswer = 64 * 1024 * 1024
/** What it says of itself that is kept, in UTF-16 units. */
const kept = 4096

/** How a call of restic is made. */
export interface ResticCall {
  readonly signal: AbortSignal
  /** Descriptor of what it reads from its standard input. */
  readonly input?: number
  /** Told each line that it answers. */
  readonly onLine?: (line: string, forward: () => void) => void
}

/**
 * A run of restic, which ends with the signal and when it does not get on: it tries for a quarter of an hour to reach what refuses,
 * and waits for ever for what hangs.
 */
export class ResticRun {
  readonly #child: ChildProcess
  readonly #ended: Promise<number>
  readonly #patience: number
  readonly #signal: AbortSignal
  #said = ''
  #late = false
  #clock: NodeJS.Timeout | undefined

  constructor({ place, key, cache, patience }: ResticDeps, words: readonly string[], { signal, input }: ResticCall) {
    signal.throwIfAborted()
    this.#patience = patience
    this.#signal = signal
    this.#child = spawn('restic', [...place.options, ...words], {
      ...{ cwd: '/', detached: true, stdio: [input ?? 'ignore', 'pipe', 'pipe'] },
      env: {
        ...{ PATH: process.env.PATH, LANG: 'C.UTF-8', TZ: 'UTC', HOME: cache, RESTIC_PROGRESS_FPS: '2' },
        ...{ RESTIC_PASSWORD_FILE: key, RESTIC_CACHE_DIR: cache },
        ...place.env,
      },
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#said = `${this.#said}${chunk.toString()}`.slice(-kept)))
    this.#ended = this.#end()
    this.#ended.catch(() => undefined)
    this.forward()
  }

  get output(): Readable {
    if (this.#child.stdout === null) throw new Error('it has an output')
    return this.#child.stdout
  }

  /** It has got on: it has its time anew. */
  readonly forward = (): void => {
    clearTimeout(this.#clock)
    this.#clock = setTimeout(() => {
      this.#late = true
      this.#kill()
    }, this.#patience)
  }

  /** @throws BerthError why it failed; the signal's reason */
  async done(): Promise<void> {
    const code = await this.#ended
    this.#signal.throwIfAborted()
    if (this.#late)
      throw new BerthError(
        'unavailable',
        `the repository does not get on: ${lastLine(this.#said) ?? `nothing within ${this.#patience / 1000} s`}`,
        '`berth backups:target` shows where it is: see that it is within reach, and lets Berth in',
      )
    if (code !== 0) throw explained(this.#said, code)
  }

  /** Ends it, and what it has started. */
  end(): void {
    this.#kill()
  }

  async #end(): Promise<number> {
    const kill = (): void => this.#kill()
    this.#signal.addEventListener('abort', kill, { once: true })
    try {
      const [code] = (await once(this.#child, 'close')) as [number | null]
      return code ?? -1
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new BerthError('broken', 'restic is not installed', '`bin/install` installs it', error)
    } finally {
      clearTimeout(this.#clock)
      this.#signal.removeEventListener('abort', kill)
    }
  }

  #kill(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#child.exitCode !== null) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Runs restic to its end. @returns what it answered @throws BerthError as `ResticRun.done` does */
export async function runRestic(deps: ResticDeps, words: readonly string[], call: ResticCall): Promise<string> {
  const run = new ResticRun(deps, words, call)
  const lines = new LineSplitter(longestAnswer)
  let answer = ''
  const take = (line: string): void => {
    if (call.onLine) call.onLine(line, run.forward)
    else answer += `${line}\n`
    if (answer.length > longestAnswer) throw new BerthError('large', 'the repository has too many backups')
  }
  try {
    for await (const chunk of run.output) lines.read((chunk as Buffer).toString('utf8')).forEach(take)
    const rest = lines.end()
    if (rest !== '') take(rest)
  } catch (error) {
    run.end()
    throw error
  }
  await run.done()
  return answer
}

const lastLine = (said: string): string | undefined =>
  harmless(said)
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '')
    ?.slice(0, 300)

/** What restic says, in words that help. Where it gives up it says so in a line of its own, and advice may follow. */
function explained(said: string, code: number): BerthError {
  const fatal = /^Fatal: (.+)$/m.exec(harmless(said))?.[1]?.slice(0, 300)
  const line = fatal ?? lastLine(said) ?? `exit code ${code}`
  if (/wrong password or no key found/.test(said))
    return new BerthError(
      'denied',
      'the repository is encrypted with another key',
      'bring the key of the Berth that made it: `berth backups:target … --key-file FILE`',
    )
  if (/unable to open config file/.test(said) && /no such file|not exist|NoSuch|404/i.test(said))
    return new BerthError('missing', 'there is no repository', '`berth backups:target` makes one')
  if (/no space left on device/i.test(said))
    return new BerthError('large', 'there is no room left for the repository', 'free some, or set another target')
  if (
    /permission denied|access denied|signature we calculated|InvalidAccessKeyId|host key verification failed/i.test(
      said,
    )
  )
    return new BerthError(
      'denied',
      `the repository does not let Berth in: ${line}`,
      'give it to the user that Berth runs as, or its key the right',
    )
  return new BerthError('broken', `the repository: ${line}`, '`berth backups:target` shows where it is')
}
