import { writeSync } from 'node:fs'

const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const
type Level = keyof typeof levels

/** Notes what happened: fields and a sentence, a sentence alone, or an error. */
export interface LogMethod {
  (fields: object, message?: string): void
  (message: string): void
}

/** The log of one process. What says nothing at a level costs nothing there. */
export interface Logger extends Readonly<Record<Exclude<Level, 'trace'>, LogMethod>> {
  isLevelEnabled(level: Level): boolean
}

export interface LogOptions {
  /** The least that is logged; `silent` is nothing. Default `BERTH_LOG`, else `info`. */
  readonly level?: string
  /** Gets each line, with its end. Default: standard output. */
  readonly write?: (line: string) => void
}

/** Fields that may hold what nobody is to read. */
const hidden: ReadonlySet<string> = new Set(['token', 'config', 'authorization'])

function shown(key: string, value: unknown): unknown {
  if (hidden.has(key)) return '[Redacted]'
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const { name, message, stack, cause } = value
  return Object.assign({}, value, { type: name, message, stack, cause })
}

function lineOf(fields: object): string {
  try {
    return JSON.stringify(fields, shown)
  } catch (error) {
    return JSON.stringify({ ...fields, msg: `cannot be logged: ${String(error)}` }, (key, value) => {
      const told = shown(key, value)
      return key === '' || typeof told !== 'object' ? told : undefined
    })
  }
}

/** At once, so that the last words of a process are there, too. */
function toOutput(line: string): void {
  try {
    writeSync(1, line)
  } catch {
    // a full disk, a reader that left: what is told of goes on
  }
}

/**
 * The log of one platform process: JSON lines on stdout, which the supervisor files, in the form of pino's; that would take
 * a MiB of each.
 */
export function createLog(name: string, { level, write }: LogOptions = {}): Logger {
  const asked = level ?? process.env.BERTH_LOG ?? 'info'
  const least = asked === 'silent' ? Infinity : Object.hasOwn(levels, asked) ? levels[asked as Level] : levels.info
  const put = write ?? toOutput
  const method = (level: Level): LogMethod => {
    if (levels[level] < least) return () => undefined
    return (about: object | string, message?: string) => {
      const fields = about instanceof Error ? { err: about } : typeof about === 'string' ? {} : about
      const msg = message ?? (typeof about === 'string' || about instanceof Error ? String(about) : undefined)
      put(`${lineOf({ level: levels[level], time: new Date().toISOString(), name, ...fields, msg })}\n`)
    }
  }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    isLevelEnabled: (level) => levels[level] >= least,
  }
}
