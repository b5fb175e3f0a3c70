import { join } from 'node:path'
import { BerthError, is, messageOf } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { orMissing } from '../lib/missing.js'
import { access, constants, stat } from 'node:fs/promises'
import { execute } from './execute.js'
import type { HookCall, HookSay } from './kinds/hook.js'
import type { RunningPlugins } from './running.js'

/** ms that one hook has for one event. */
const defaultPatience = 30_000

/** Bytes that an executable hook may say. */
const mostBytes = 65_536

export interface HooksDeps {
  /** Of the instance: executable hooks lie in its folder `hooks`. */
  readonly root: string
  readonly plugins: Pick<RunningPlugins, 'running'>
  readonly patience?: number
}

/** Somebody who is called. */
interface Hook {
  readonly name: string
  readonly call: (call: HookCall, say: HookSay, signal: AbortSignal) => Promise<void>
}

/** Tells whoever wants to know what happens to apps: plugins of kind `hook`, and executables `<root>/hooks/before-push` and so on. */
export class Hooks {
  readonly #deps: HooksDeps
  constructor(deps: HooksDeps) {
    this.#deps = deps
  }

  /**
   * Calls all of them before something is done, one after the other.
   * @throws BerthError `denied` of the first that refuses, and of one that fails or does not answer: who is not asked has not agreed
   */
  async before(call: Omit<HookCall, 'when'>, say: HookSay, signal: AbortSignal): Promise<void> {
    const told = { ...call, when: 'before' } as const
    for (const hook of await this.#hooksFor(told))
      try {
        await this.#call(hook, told, say, signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        const why = messageOf(error).split('\n', 1)[0]?.slice(0, 500) ?? ''
        throw new BerthError('denied', `${hook.name} refuses this ${call.event}: ${why}`, hintOf(error), error)
      }
  }

  /** The same after it: what fails is said, and changes nothing. */
  async after(call: Omit<HookCall, 'when'>, say: HookSay, signal: AbortSignal): Promise<void> {
    const told = { ...call, when: 'after' } as const
    for (const hook of await this.#hooksFor(told))
      await this.#call(hook, told, say, signal).catch((error: unknown) =>
        say(`${hook.name} failed after this ${call.event}: ${messageOf(error)}`),
      )
  }

  async #call(hook: Hook, call: HookCall, say: HookSay, signal: AbortSignal): Promise<void> {
    const { patience = defaultPatience } = this.#deps
    signal.throwIfAborted()
    using late = deadline(patience, signal)
    const ended = Promise.withResolvers<never>()
    const end = (): void =>
      ended.reject(new BerthError('unavailable', `it does not answer within ${patience / 1000} s`))
    late.signal.addEventListener('abort', end)
    try {
      await Promise.race([hook.call(call, say, late.signal), ended.promise])
    } finally {
      late.signal.removeEventListener('abort', end)
    }
  }

  async #hooksFor(call: HookCall): Promise<Hook[]> {
    const running = await this.#deps.plugins.running('hook')
    const plugins = running.map(({ name, instance }): Hook => ({
      name: `the plugin ${name}`,
      call: async (...given) => instance.call(...given),
    }))
    const executable = await executableFor(this.#deps.root, `${call.when}-${call.event}`)
    return executable === null ? plugins : [...plugins, executable]
  }
}

const hintOf = (error: unknown): string | undefined => (error instanceof BerthError ? error.hint : undefined)

/** @throws BerthError `denied` where there is a file that cannot be run: whoever put it there meant it to be */
async function executableFor(root: string, name: string): Promise<Hook | null> {
  const file = join(root, 'hooks', name)
  const found = await stat(file).catch(orMissing(null))
  if (found === null) return null
  return { name: `the hook ${name}`, call: (call, say, signal) => runExecutable(file, call, say, signal) }
}

async function runExecutable(file: string, call: HookCall, say: HookSay, signal: AbortSignal): Promise<void> {
  await access(file, constants.X_OK).catch((cause: unknown) => {
    throw new BerthError('invalid', 'it is no file that the account berth may execute', `chmod 755 ${file}`, cause)
  })
  const env = { BERTH_EVENT: call.event, BERTH_WHEN: call.when, BERTH_APP: call.app.name }
  const input = `${JSON.stringify(call)}\n`
  const { code, stdout, stderr } = await execute(file, [], {
    input,
    env,
    signal,
    patience: defaultPatience,
    mostBytes,
  }).catch((error: unknown) => {
    if (is(error, 'missing'))
      throw new BerthError('invalid', 'it cannot be started', 'does its first line name a program?')
    throw error
  })
  const lines = [...stdout.split('\n'), ...stderr.split('\n')].filter((line) => line.trim() !== '')
  for (const line of lines) say(line)
  if (code !== 0) throw new BerthError('denied', lines.at(-1) ?? `it ends with ${code ?? 'a signal'}`)
}
