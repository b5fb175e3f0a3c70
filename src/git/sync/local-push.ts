import { spawn } from 'node:child_process'
import { BerthError } from '../../errors.js'
import type { PushLimits } from '../../config.js'
import { LineSplitter } from '../../lib/lines.js'
import { ofProgress } from '../explain.js'
import { bareEnvironment } from '../git.js'
import { endGroupOn } from '../process-group.js'

/** What is pushed, from one repository of this server to another. */
export interface LocalPush {
  readonly from: string
  readonly to: string
  readonly commit: string
  readonly ref: string
  /** Id of the sync that it belongs to: the hook tells it (hooks.ts). */
  readonly sync: string
  readonly env: Readonly<Record<string, string>>
  readonly limits: PushLimits
}

/** How much of what git says beside the log is kept. Characters. */
const keptWords = 4000

/**
 * Pushes a commit to an app as anybody would: the same checks, the same hooks, the same log. Forced, since what is upstream
 * counts.
 * @param say takes the lines of the log
 * @returns null when it was taken; else why git did not, where the log does not say it
 */
export async function pushLocally(
  push: LocalPush,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<BerthError | null> {
  const { from, to, commit, ref, sync, env, limits } = push
  signal.throwIfAborted()
  const child = spawn('git', ['push', '--no-verify', '--', to, `+${commit}:${ref}`], {
    cwd: from,
    detached: true, // so that all of it can be ended
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...bareEnvironment(from), BERTH_SYNC: sync, ...env },
  })
  let [told, rest] = ['', '']
  const take = (line: string): void => {
    // git ends a line of another's with spaces, to wipe what a terminal has there
    const [mark] = /^remote: ?/.exec(line) ?? []
    if (mark === undefined) rest = `${rest}${line}\n`.slice(-keptWords)
    else {
      const text = line.slice(mark.length).trimEnd()
      told = `${told}${text}\n`.slice(-keptWords)
      say(text)
    }
  }
  const lines = new LineSplitter()
  // a line that is written over ends with \r
  const read = (piece: string): void => lines.read(piece.replaceAll(/\r\n?/g, '\n')).forEach(take)
  child.stderr.setEncoding('utf8').on('data', read)
  const leave = endGroupOn(signal, child)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(leave)
  take(lines.end())
  signal.throwIfAborted()
  if (code === 0) return null
  const { message, hint } = ofProgress(`${told}${rest}`, limits) ?? {
    message: 'git could not take what was fetched',
    hint: '`git fsck` in the repository that it comes from may say why',
  }
  return new BerthError('invalid', message, hint)
}
