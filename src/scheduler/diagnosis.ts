import { constants } from 'node:os'
import type { ContainerDetails } from '../engine-client/containers.js'
import { readTail, type LogSource } from '../engine-client/tail.js'
import { BerthError, messageOf } from '../errors.js'
import type { Release } from '../store/releases.js'
import type { CheckAnswer } from './check.js'
import { describeAsk, type Check } from './checks.js'
import type { CheckOutcome } from './perform.js'
import type { ListeningSocket } from './sockets.js'

/** Lines of its log that a crashed process's pusher is shown. */
const shown = 20

const bindHint = 'listen on the port in the PORT environment variable, on all addresses (0.0.0.0)'

const sizeOf = (bytes: number): string =>
  bytes % 1024 ** 3 === 0 ? `${bytes / 1024 ** 3} GB` : `${Math.round(bytes / 1024 ** 2)} MB`

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`

/** How Node.js says that a package is not there; a path is the app's own file. */
const absentModule = /Cannot find (?:module|package) '([^'./][^']*)'/

const jobHint = (type: string): string =>
  type === 'web'
    ? 'a web process goes on and serves requests: a job that ends belongs under another name, or is run with `berth run`'
    : 'a process type goes on for ever: run a job that ends with `berth run`, or as `release` at each push'

/** `127.0.0.1:3000`, `[::1]:3000` (RFC 3986 §3.2.2). */
const placeOf = ({ address, port }: ListeningSocket): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}`

/** How a process ended, in words that go on after its name. */
export function endingOf(state: { ExitCode: number; OOMKilled: boolean; Error: string }, memory: number): string {
  if (state.OOMKilled) return `ran out of memory: its limit is ${sizeOf(memory)}`
  if (state.Error !== '' && state.ExitCode !== 0) return `could not start: ${state.Error}`
  if (state.ExitCode === 127) return 'could not start: its command was not found (exit code 127)'
  if (state.ExitCode === 126) return 'could not start: its command may not be executed (exit code 126)'
  // a shell, and an init, report a death by signal as 128 + its number
  if (state.ExitCode > 128 && state.ExitCode < 193)
    return `crashed: killed by ${signalName(state.ExitCode - 128)} (exit code ${state.ExitCode})`
  return state.ExitCode === 0 ? 'ended (code 0)' : `crashed: exited with code ${state.ExitCode}`
}

/** A process, and where its command comes from. */
export interface DiagnosisSubject {
  readonly process: string
  readonly type: string
  /** Null is the image's own. */
  readonly command?: string | null | undefined
  readonly origin?: Release['origin'] | undefined
}

/** Writes the last lines of a process to `log`; answers with them. */
export async function tellTail(
  engine: LogSource,
  process: string,
  id: string,
  log: (line: string) => void,
): Promise<string[]> {
  const read = readTail(engine, id, shown).catch((error: unknown) => {
    log(`The last lines of ${process} cannot be read: ${messageOf(error)}`)
    return []
  })
  const tail = (await read).map((line) => line.text)
  if (tail.length > 0) log(`The last lines of ${process}:`)
  for (const line of tail) log(`  ${line}`)
  return tail
}

const developmentHint = 'what is in "devDependencies" is removed after the build: move it to "dependencies"'

/** What to do about a command that is not there. */
function absentHint({ process, type, command, origin }: DiagnosisSubject, tail: readonly string[]): string {
  if (tail.some((line) => line.includes('cannot run /bin/sh:')))
    return `the image has no shell: write the line in the Procfile as a list, \`${type}: ["/app", "serve"]\``
  const name = tail.map((line) => /(?:^|: )([^\s:]+): not found$/.exec(line)?.[1]).find((found) => found !== undefined)
  const path = /cannot run (\.{0,2}\/\S+): no such file/.exec(tail.join('\n'))?.[1] ?? name
  if (path?.includes('/') === true)
    return `see whether the image has ${path}; if it has, its first line names a program that is not there: line ends of Windows (CRLF) do that`
  const which = name === undefined ? 'the command' : `"${name}"`
  if (origin === 'package.json')
    return `${which} comes from "start" in package.json${command ? `, \`${command}\`` : ''}; ${developmentHint}`
  if (origin === 'Dockerfile' || command === null)
    return `see CMD in the Dockerfile, and whether the image has ${which}`
  if (origin === 'compose file') return `see its command in the compose file, and whether the image has ${which}`
  return `see the line of ${process.replace(/\.\d+$/, '')} in the Procfile, and whether the build installs ${which}`
}

/** What a process that ended left to be told; its last lines go to `log` before. */
export async function explainEnd(
  engine: LogSource,
  subject: DiagnosisSubject,
  info: ContainerDetails | null,
  log: (line: string) => void,
): Promise<BerthError> {
  const { process, type } = subject
  if (info === null) return new BerthError('broken', `${process} was removed while it started`)
  const tail = await tellTail(engine, process, info.Id, log)
  const absent = tail.map((line) => absentModule.exec(line)?.[1]).find((found) => found !== undefined)
  const done = info.State.ExitCode === 0 && !info.State.OOMKilled
  const hint = info.State.OOMKilled
    ? 'give it more memory with `berth ps:scale`, or make it use less'
    : info.State.ExitCode === 127
      ? absentHint(subject, tail)
      : done
        ? jobHint(type)
        : absent !== undefined
          ? `"${absent}" is not installed in the image; ${developmentHint}`
          : info.State.ExitCode === 137
            ? `nothing of Berth's killed it; if it uses much memory, its limit is ${sizeOf(info.HostConfig.Memory ?? 0)}`
            : tail.length > 0
              ? 'its last lines are above'
              : 'it wrote nothing before it ended'
  const ending = endingOf(info.State, info.HostConfig.Memory ?? 0)
  const when = !done ? '' : type === 'web' ? ' before it listened' : ' as soon as it was started'
  return new BerthError('invalid', `${process} ${ending}${when}`, hint)
}

/** Why a process that runs is not listening where it should. `heard` is null when its sockets cannot be seen. */
export function explainSilence(
  process: string,
  port: number,
  seconds: number,
  heard: readonly ListeningSocket[] | null,
): BerthError {
  const own = heard?.filter((one) => one.port === port) ?? []
  if (own.length > 0)
    return new BerthError(
      'invalid',
      `${process} listens on ${own.map(placeOf).join(', ')} only, where no request from outside can reach it`,
      bindHint,
    )
  const open = heard?.filter((one) => !one.loopback) ?? []
  const [near] = heard ?? []
  if (open.length === 0 && near)
    return new BerthError(
      'invalid',
      `${process} listens on ${(heard ?? []).map(placeOf).join(', ')} only: neither on port ${port}, which PORT told it to, nor where requests from outside can reach it`,
      bindHint,
    )
  const others = [...new Set(open.map((one) => one.port))].sort((a, b) => a - b)
  if (others.length > 0)
    return new BerthError(
      'invalid',
      `${process} listens on port ${others.join(', ')} but not on port ${port}, which PORT told it to, within ${seconds} s`,
      `${bindHint}; or tell Berth its port with \`berth config:set PORT=${others[0] ?? ''}\``,
    )
  return new BerthError('invalid', `${process} did not listen on port ${port} within ${seconds} s`, bindHint)
}

const choose = 'another page, or status, is asked for with `berth checks:set path=/up status=200-399`'

/** Why a process that listens has failed the check that all have. */
export function explainDefault(process: string, seconds: number, last?: CheckAnswer): BerthError {
  if (!last) return new BerthError('invalid', `${process} listens but did not answer GET / within ${seconds} s`, choose)
  const excerpt = last.excerpt === '' ? '' : `: ${last.excerpt}`
  return new BerthError(
    'invalid',
    `${process} answered its check, GET /, with status ${last.status}${excerpt}`,
    `any status below 500 passes; ${choose}`,
  )
}

/** Why a process has failed that does not listen where a port of its app leads. */
export const explainUnheard = (
  { process, type }: Pick<DiagnosisSubject, 'process' | 'type'>,
  port: number,
  seconds: number,
): BerthError =>
  new BerthError(
    'invalid',
    `${process} did not listen on port ${port} within ${seconds} s`,
    `have ${type} listen there on 0.0.0.0 or ::; \`berth ports\` says which ports of the machine lead to it`,
  )

/** Which check it is, and what it asks: `its check "up", GET /up on port 5000`. */
export const nameCheck = (check: Check): string =>
  `its ${check.phase === 'startup' ? '' : `${check.phase} `}check${check.name === '' ? '' : ` "${check.name}"`}, ${describeAsk(check)}`

/** Why a process has failed a check that somebody has chosen. */
export function explainCheck(
  { process, type }: Pick<DiagnosisSubject, 'process' | 'type'>,
  check: Check,
  last: CheckOutcome | null,
): BerthError {
  const files = new Set(Object.values(check.from).filter((one) => one !== 'app' && one !== 'default'))
  const where = files.size === 0 ? 'set by command' : `in ${[...files].join(', ')}`
  const tries = check.attempts > 1 ? `, ${check.attempts} times` : ''
  const set = check.strategy === 'command' ? 'command=…' : check.strategy === 'path' ? 'path=… status=…' : 'port=…'
  return new BerthError(
    'invalid',
    `${process} failed ${nameCheck(check)}${tries}: ${last?.said ?? 'no answer'}`,
    `the check is ${where}: another is set with \`berth checks:set ${set}${type === 'web' ? '' : ` --type ${type}`}\`, and \`berth checks:skip ${type}\` does without`,
  )
}
