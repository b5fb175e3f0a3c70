import { BerthError } from '../../errors.js'
import { inMebibytes } from '../explain.js'
import { sshHostOf } from './host-keys.js'
import type { Connection, FetchOutcome } from './run.js'
import { addressOf } from './url.js'

/** What to do about a failure: it depends on where the URL is written. */
export interface Advice {
  /** When trying again may help. */
  readonly again: string
  /** When the URL is wrong. */
  readonly correct: string
  /** When the URL is another by now. */
  readonly moved: string
}

/** A fetch that failed, and what it was to bring. */
export interface FailedFetch {
  readonly path: string
  /** `commit 1a2b3c4` */
  readonly what: string
  readonly advice: Advice
  readonly connection: Connection
  readonly outcome: FetchOutcome
  /** Milliseconds after which it was ended; null when it was not. */
  readonly endedAfter: number | null
  /** Bytes that it might bring. */
  readonly most: number
}

type Words = (failed: FailedFetch) => Pick<BerthError, 'fault' | 'message' | 'hint'>

/** The remote did not give the one commit that it was asked for; it may give it together with its branches. */
export const refusesCommit = ({ said }: FetchOutcome): boolean =>
  /not our ref|unadvertised object|want [0-9a-f]+ not valid|no such remote ref|couldn't find remote ref/i.test(said)

export const redirects = ({ said }: FetchOutcome): boolean => /requested URL returned error: 30\d/.test(said)

const rules: readonly (readonly [RegExp, Words])[] = [
  [
    /could not read (Username|Password)|Authentication failed|returned error: 40[13]/i,
    ({ connection: { url, password } }) =>
      password
        ? {
            fault: 'denied',
            message: `${url.host} refuses the password of ${password.user}, or does not have ${addressOf(url)}`,
            hint: `set another: \`berth git:auth ${url.host} USER\`, with the password as its input`,
          }
        : {
            fault: 'denied',
            message: `${addressOf(url)} wants a password, or is not there`,
            hint: `\`berth git:auth ${url.host} USER\`, with the password or token as its input`,
          },
  ],
  [
    /returned error: (404|410)|repository .* not found/i,
    ({ connection: { url }, advice }) => ({
      fault: 'missing',
      message: `there is no repository at ${addressOf(url)}`,
      hint: advice.correct,
    }),
  ],
  [
    /returned error: 30\d/,
    ({ connection: { url }, advice }) => ({
      fault: 'invalid',
      message: `${addressOf(url)} leads elsewhere, and is not followed`,
      hint: advice.moved,
    }),
  ],
  [
    /file too large/i,
    ({ connection: { url }, most }) => ({
      fault: 'large',
      message: `what ${addressOf(url)} sends is larger than ${inMebibytes(most)}`,
      hint: 'keep large files elsewhere, raise BERTH_PUSH_SIZE and BERTH_PUSH_TREE on the server, or free space on its disk',
    }),
  ],
  [
    /no space left|disk quota/i,
    () => ({
      fault: 'large',
      message: "the server's disk is full",
      hint: 'free space on it, then try again',
    }),
  ],
  [
    /fsck error|index-pack failed|invalid index-pack|bad object/i,
    ({ connection: { url }, outcome }) => ({
      fault: 'invalid',
      message: `${addressOf(url)} holds what git itself calls damaged (${lineOf(outcome, /^error: /)})`,
      hint: '`git fsck` in that repository says more',
    }),
  ],
  [
    /could not resolve host|failed to connect|couldn't connect|connection refused|timed out|too slow|reset by peer|empty reply|returned error: 5\d\d|SSL|TLS|certificate/i,
    ({ connection: { url }, outcome, advice }) => ({
      fault: 'unavailable',
      message: `${addressOf(url)} cannot be reached: ${lineOf(outcome, /unable to access|RPC failed/)}`,
      hint: advice.again,
    }),
  ],
]

/** Those of ssh, and of what answers there. */
const sshRules: typeof rules = [
  [
    /host key verification failed|identification has changed/i,
    ({ connection: { url } }) => ({
      fault: 'denied',
      message: `${sshHostOf(url)} shows another host key than the one that is known: it has a new one, or somebody answers in its place`,
      hint: `if its owner says that it is new: \`berth git:host:remove ${sshHostOf(url)}\`, then \`berth git:host ${sshHostOf(url)}\``,
    }),
  ],
  [
    /permission denied \(|too many authentication failures/i,
    ({ connection: { url } }) => ({
      fault: 'denied',
      message: `${sshHostOf(url)} refuses the key of the app for ${url.username}`,
      hint: '`berth git:key` shows it: add it there as a deploy key that may read',
    }),
  ],
  [
    /repository not found|does not appear to be a git repository|not a git repository|could not be found/i,
    ({ connection: { url }, advice }) => ({
      fault: 'missing',
      message: `there is no repository at ${addressOf(url)}, or the key of the app may not read it`,
      hint: advice.correct,
    }),
  ],
  [
    /not found.*ssh|cannot run ssh|ssh: (not found|command not found)/i,
    () => ({
      fault: 'unavailable',
      message: 'the server has no SSH client',
      hint: 'its administrator: apt-get install openssh-client',
    }),
  ],
  [
    /^(ssh:|kex_|banner|connection )|timeout, server/im,
    ({ connection: { url }, outcome, advice }) => ({
      fault: 'unavailable',
      message: `${addressOf(url)} cannot be reached: ${lineOf(outcome, /^(ssh:|kex_|banner|connection |timeout)/i)}`,
      hint: advice.again,
    }),
  ],
]

/** Why a repository could not be fetched, in words for a person: the place, the URL, and the way out. */
export function explainFetch(failed: FailedFetch): BerthError {
  const { path, connection, outcome, endedAfter, what, advice } = failed
  const { url } = connection
  const explain = (): ReturnType<Words> => {
    if (endedAfter !== null)
      return {
        fault: 'unavailable',
        message: `${addressOf(url)} did not send ${what} within ${String(Math.round(endedAfter / 1000))} s`,
        hint: advice.again,
      }
    return rulesFor(outcome.said, failed)
  }
  const { fault, message, hint } = explain()
  return new BerthError(fault, `${path}: ${message}`, hint)
}

function rulesFor(said: string, failed: FailedFetch): ReturnType<Words> {
  const known = failed.connection.ssh ? [...sshRules, ...rules] : rules
  const words = known.find(([pattern]) => pattern.test(said))?.[1]
  if (words) return words(failed)
  const { connection, outcome, advice } = failed
  return {
    fault: 'unavailable',
    message: `${addressOf(connection.url)} was not fetched: ${lineOf(outcome, /^(fatal|error): /)}`,
    hint: advice.again,
  }
}

/** The line of git's words that says it, on one line and short. */
function lineOf({ said, code, signal }: FetchOutcome, wanted: RegExp): string {
  const lines = said.split(/[\r\n]+/).filter((line) => line.trim() !== '')
  const line = lines.findLast((one) => wanted.test(one)) ?? lines.at(-1) ?? `git ended with ${String(signal ?? code)}`
  return (
    line
      .replace(/^(fatal|error): (object [0-9a-f]+: )?/, '')
      .replace(/^unable to access '[^']*': /, '')
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u001f\u007f]/g, '?')
      .slice(0, 200)
  )
}
