import type { Healthcheck } from '../records.js'
import type { RunMount } from './mounts.js'
import type { Heredoc, LogicalLine } from './source.js'
import type { Word } from './words.js'

/** `sh -c` text, or the words of the JSON form. */
export type CommandForm =
  { readonly form: 'shell'; readonly text: string } | { readonly form: 'exec'; readonly args: readonly string[] }

/** `key=value`, both as written. */
export interface Pair {
  readonly key: Word
  readonly value: Word
}

interface Base {
  /** Where it stands, for errors. */
  readonly line: LogicalLine
}

export interface From extends Base {
  readonly kind: 'FROM'
  readonly image: Word
  readonly name: string | undefined
  readonly platform: Word | undefined
}

export interface RunInstruction extends Base {
  readonly kind: 'RUN'
  readonly command: CommandForm
  readonly heredocs: readonly Heredoc[]
  readonly mounts: readonly RunMount[]
  readonly network: 'default' | 'none' | 'host'
}

/** COPY and ADD. */
export interface CopyInstruction extends Base {
  readonly kind: 'COPY' | 'ADD'
  readonly sources: readonly Word[]
  readonly heredocs: readonly Heredoc[]
  readonly target: Word
  /** A stage or an image; absent is the build context. */
  readonly from: Word | undefined
  readonly chown: Word | undefined
  readonly chmod: Word | undefined
  /** A layer of its own: nothing of the image below is looked at, so a new base does not make it stale. */
  readonly link: boolean
  /** Keep the directories of the sources' names. */
  readonly parents: boolean
  /** Patterns of what to leave out. */
  readonly exclude: readonly Word[]
  /** Of what ADD fetches: `sha256:<hex>`. */
  readonly checksum: Word | undefined
  /** Keep `.git` of a repository that ADD fetches. */
  readonly keepGitDir: boolean
  /** Whether ADD unpacks archives; absent: those of the context, but not those it fetches. */
  readonly unpack: boolean | undefined
}

export interface Env extends Base {
  readonly kind: 'ENV' | 'LABEL'
  readonly pairs: readonly Pair[]
}

export interface Arg extends Base {
  readonly kind: 'ARG'
  readonly args: readonly { readonly name: string; readonly value: Word | undefined }[]
}

/** Instructions that take words: EXPOSE 80 443, VOLUME /data. */
export interface WordsInstruction extends Base {
  readonly kind: 'EXPOSE' | 'VOLUME'
  readonly words: readonly Word[]
}

/** Instructions that take one text. */
export interface One extends Base {
  readonly kind: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER'
  readonly text: Word
}

export interface StartInstruction extends Base {
  readonly kind: 'CMD' | 'ENTRYPOINT'
  readonly command: CommandForm
}

export interface Health extends Base {
  readonly kind: 'HEALTHCHECK'
  readonly healthcheck: Healthcheck | { readonly command: CommandForm; readonly times: Healthcheck }
}

export interface Shell extends Base {
  readonly kind: 'SHELL'
  readonly args: readonly string[]
}

export interface OnBuild extends Base {
  readonly kind: 'ONBUILD'
  readonly text: string
}

/** One instruction, its variables not yet replaced. */
export type Instruction =
  | From
  | RunInstruction
  | CopyInstruction
  | Env
  | Arg
  | WordsInstruction
  | One
  | StartInstruction
  | Health
  | Shell
  | OnBuild

export const keywords = [
  'FROM',
  'RUN',
  'COPY',
  'ADD',
  'ENV',
  'ARG',
  'WORKDIR',
  'USER',
  'EXPOSE',
  'VOLUME',
  'LABEL',
  'CMD',
  'ENTRYPOINT',
  'HEALTHCHECK',
  'SHELL',
  'STOPSIGNAL',
  'MAINTAINER',
  'ONBUILD',
] as const

export type Keyword = (typeof keywords)[number]
