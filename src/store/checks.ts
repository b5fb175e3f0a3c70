import { z } from 'zod'

/** Most checks of one kind that a process type has. */
export const mostChecks = 10
/** Seconds that a startup check may take in all. */
export const longestCheck = 900
/** Bytes of an answer's body that are searched for what it should contain. */
export const searchedBytes = 64 * 1024

const mostAttempts = 60
const longestTry = 60
const longestDelay = 300

const plain = /^\P{Cc}*$/u
/** The characters of a header's name (RFC 9110 §5.6.2). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What says where a message ends, and what becomes of the connection, is not for a check to choose. */
const framing = new Set(['connection', 'content-length', 'expect', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

const seconds = (least: number, most: number): z.ZodInt =>
  z.int('must be a whole number of seconds').min(least, `at least ${least}`).max(most, `at most ${most} seconds`)

const Headers = z
  .record(
    z.string(),
    z.string().max(1000, 'at most 1000 characters').regex(plain, 'must not have control characters in it'),
  )
  .superRefine((all, context) => {
    const names = Object.keys(all)
    const bad = names.find((name) => name.length > 100 || !token.test(name))
    const own = names.find((name) => framing.has(name.toLowerCase()))
    if (names.length > 20) context.addIssue({ code: 'custom', message: 'at most 20 headers' })
    else if (bad !== undefined)
      context.addIssue({ code: 'custom', message: `${JSON.stringify(bad.slice(0, 40))} is not the name of a header` })
    else if (own !== undefined)
      context.addIssue({ code: 'custom', message: `${own} is a header that Berth sets itself` })
  })

/** Which statuses pass: `200-399,404`, `2xx`. Written without blanks. */
const Status = z
  .string()
  .max(100, 'at most 100 characters')
  .regex(
    /^(?:[1-5]xx|[1-5]\d\d(?:-[1-5]\d\d)?)(?:,(?:[1-5]xx|[1-5]\d\d(?:-[1-5]\d\d)?))*$/,
    'is a status such as 200, a range such as 200-399, a class such as 2xx, or several of them with commas between',
  )
  .refine((text) => rangesOf(text).every(([from, to]) => from <= to), 'has a range that ends before it begins')

/** What is said of a check, each by whoever says it: a command, a file of the app. What nobody says has a default. */
export const CheckFields = z.strictObject({
  path: z
    .string()
    .max(2000, 'at most 2000 characters')
    .startsWith('/', 'must begin with a slash, as in /up')
    .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without blanks: write others percent-encoded')
    .exactOptional()
    .describe('asks for it with GET'),
  command: z
    .array(
      z
        .string()
        .max(4096, 'at most 4096 characters')
        .regex(/^[^\0]*$/, 'must not have a NUL in it'),
    )
    .min(1, 'names no command')
    .max(100, 'at most 100 words')
    .refine(([first]) => first !== '', 'names no command')
    .exactOptional()
    .describe('runs in the container, and passes with exit code 0; a single word with blanks is a line for /bin/sh'),
  listening: z.literal(true).exactOptional().describe('passes when it listens on the port'),
  uptime: seconds(1, longestDelay).exactOptional().describe('passes when it has run for so many seconds'),
  port: z.int().min(1, 'at least 1').max(65535, 'at most 65535').exactOptional().describe('default PORT'),
  scheme: z.enum(['http', 'https']).exactOptional(),
  headers: Headers.exactOptional(),
  status: Status.exactOptional().describe('which pass, as 200-399,404'),
  content: z
    .string()
    .min(1, 'is empty')
    .max(1000, 'at most 1000 characters')
    .regex(plain, 'must not have control characters in it')
    .exactOptional()
    .describe('must be in the first 64 KiB of the body'),
  attempts: z
    .int('must be a whole number')
    .min(1, 'at least 1')
    .max(mostAttempts, `at most ${mostAttempts}`)
    .exactOptional(),
  timeout: seconds(1, longestTry).exactOptional().describe('seconds for each try'),
  wait: seconds(0, longestTry).exactOptional().describe('seconds between two tries'),
  initialDelay: seconds(0, longestDelay).exactOptional().describe('seconds before the first try'),
  warn: z.boolean().exactOptional().describe('one that fails is told, and nothing else'),
})
export type CheckFields = z.output<typeof CheckFields>
/** The name of one of them. */
export type CheckField = keyof CheckFields

/** The names of all of them. */
export const checkFields = Object.keys(CheckFields.shape) as CheckField[]

/**
 * A new process passes its startup checks before it serves; one that runs and fails a readiness check gets no requests until it
 * passes again, and one that fails a liveness check is replaced.
 */
export type CheckPhase = (typeof checkPhases)[number]
export const checkPhases = ['startup', 'readiness', 'liveness'] as const

/** A check that the app itself brings along. */
export interface DeclaredCheck extends CheckFields {
  readonly phase: CheckPhase
  readonly name?: string
  readonly file: 'app.json' | 'CHECKS' | 'compose' | 'Dockerfile'
}

/** Process type -> the checks that the app brings along. */
export type DeclaredChecks = Readonly<Record<string, readonly DeclaredCheck[]>>

/** `skip`: a new process is taken as up without its checks. `disable`: and the old one stops before it starts. */
export type CheckMode = 'check' | 'skip' | 'disable'

/** Stands for all process types, those to come too. */
export const allTypes = '*'

/** What somebody has said of an app's checks by command. */
export interface CheckSettings {
  /** Process type -> what counts more than the app's own word. */
  readonly startup?: Readonly<Record<string, CheckFields>>
  readonly readiness?: Readonly<Record<string, CheckFields>>
  readonly liveness?: Readonly<Record<string, CheckFields>>
  /** Process type, or `*` -> whether it is checked. */
  readonly modes?: Readonly<Record<string, CheckMode>>
}

/** How a check finds out. */
export type CheckStrategy = 'path' | 'command' | 'listening' | 'uptime'

const strategies = ['path', 'command', 'listening', 'uptime'] as const
const ofHttp = ['scheme', 'headers', 'status', 'content'] as const
const ofNetwork = [...ofHttp, 'port'] as const

/** How a check finds out, as far as this says; undefined when it does not. */
export const strategyOf = (fields: CheckFields): CheckStrategy | undefined =>
  strategies.find((name) => fields[name] !== undefined)

/** The fields that mean something to a check that finds out in this way. */
export function fieldsOf(strategy: CheckStrategy): readonly CheckField[] {
  const always = ['attempts', 'timeout', 'wait', 'initialDelay', 'warn'] as const
  if (strategy === 'uptime') return [strategy, 'warn']
  if (strategy === 'command') return [strategy, ...always]
  return strategy === 'listening' ? [strategy, 'port', ...always] : [strategy, ...ofNetwork, ...always]
}

/** Seconds that it takes at most until a check has failed. */
export const longestOf = ({
  attempts = 3,
  timeout = 5,
  wait = 5,
  initialDelay = 0,
}: Pick<CheckFields, 'attempts' | 'timeout' | 'wait' | 'initialDelay'>): number =>
  initialDelay + attempts * (timeout + wait)

/** Why these fields cannot be of one check; null when they can. */
export function faultOf(fields: CheckFields): string | null {
  const [first, second] = strategies.filter((name) => fields[name] !== undefined)
  if (first !== undefined && second !== undefined) return `${first} and ${second} exclude each other`
  const idle = first && ofNetwork.find((name) => fields[name] !== undefined && !fieldsOf(first).includes(name))
  if (idle !== undefined) return `${idle} means nothing to a check by ${first}`
  const longest = longestOf(fields)
  return longest > longestCheck
    ? `it may take ${longestCheck} seconds in all, and initialDelay + attempts × (timeout + wait) are ${longest}`
    : null
}

/** Statuses that pass, first and last of each range. */
export const rangesOf = (status: string): [number, number][] =>
  status.split(',').map((part): [number, number] => {
    if (part.endsWith('xx')) return [Number(part[0]) * 100, Number(part[0]) * 100 + 99]
    const [from, to] = part.split('-').map(Number)
    return [from ?? 0, to ?? from ?? 0]
  })
