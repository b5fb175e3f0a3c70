import type { PushLimits } from '../config.js'

/** What is so, and what to do about it. */
export interface Explanation {
  readonly message: string
  readonly hint: string
}

export const inMebibytes = (bytes: number): string => `${String(Math.ceil(bytes / 1024 / 1024))} MiB`

const outOfMemory = ({ memory }: PushLimits): Explanation => ({
  message: `git needs more than ${inMebibytes(memory)} of memory to unpack this push`,
  hint: 'take its largest files out of the history, or raise BERTH_GIT_MEMORY on the server',
})

/** Words for a git that ended without saying why: the kernel ends what takes more than its limits. */
export const ended = ({ memory, seconds }: PushLimits): Explanation => ({
  message: `git was ended while it unpacked this push: it may take ${inMebibytes(memory)} of memory and ${String(seconds)} s of processor time`,
  hint: 'push again; if that fails too, push less at once, or raise BERTH_GIT_MEMORY or BERTH_GIT_SECONDS on the server',
})

const full: Explanation = {
  message: "the server's disk is full: nothing of this push was kept",
  hint: 'free space on the server, then push again',
}

const rules: readonly (readonly [RegExp, (limits: PushLimits, match: RegExpExecArray) => Explanation])[] = [
  [/out of memory|cannot allocate memory|mmap failed/i, outOfMemory],
  [/no space left on device|disk quota exceeded/i, () => full],
  [
    /did not receive expected object/,
    () => ({
      message: 'objects that the pushed commit needs are neither in the push nor here',
      hint: '`git fsck` in your repository says what is missing; a fresh clone has all of it',
    }),
  ],
  [
    /^error: object [0-9a-f]+: gitmodules\w+: (.+)/m,
    (_, [, said = '']) => ({
      message: `the push holds a .gitmodules that git refuses: ${said.trim()}`,
      hint: 'correct it, and make the commits that hold it anew: `git rebase -i`',
    }),
  ],
  [
    /^(?:error|fatal): (?:object [0-9a-f]+|fsck error[^:]*|object of unexpected type): (\w+)/m,
    (_, [, what = '']) => ({
      message: `the push holds an object that git itself calls damaged (${what})`,
      hint: '`git fsck` in your repository names it; a commit that holds it must be made anew',
    }),
  ],
  [
    /^fatal: (.+)/m,
    (_, [, said = '']) => ({
      message: `git could not unpack the push: ${said.trim()}`,
      hint: '`git fsck` in your repository says whether it is damaged; push again from a fresh clone',
    }),
  ],
]

/** What git's own words mean, if it was by them that it failed. */
export function ofProgress(text: string, limits: PushLimits): Explanation | null {
  for (const [pattern, words] of rules) {
    const match = pattern.exec(text)
    if (match) return words(limits, match)
  }
  return null
}

/** Whether a report (gitprotocol-pack(5), "Report Status") says that the pack was taken. */
export const unpacked = (report: string): boolean => /^[0-9a-f]{4}unpack ok\n/.test(report)
