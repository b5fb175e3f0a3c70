import { constants } from 'node:os'
import type { ContainerInspectInfo } from 'dockerode'
import { BerthError } from '../errors.js'
import type { Answer } from './check.js'
import type { Engine } from './engine.js'
import { readTail } from './tail.js'
import type { Listener } from './sockets.js'

/** Lines of its log that a crashed process's pusher is shown. */
const shown = 20

const bindHint = 'listen on the port in the PORT environment variable, on all addresses (0.0.0.0)'

const sizeOf = (bytes: number): string =>
  bytes % 1024 ** 3 === 0 ? `${bytes / 1024 ** 3} GB` : `${Math.round(bytes / 1024 ** 2)} MB`

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`

/** How a process ended, in words that go on after its name. */
export function endingOf(state: { ExitCode: number; OOMKilled: boolean; Error: string }, memory: number): string {
  if (state.OOMKilled) return `ran out of memory: its limit is ${sizeOf(memory)}`
  if (state.Error !== '' && state.ExitCode !== 0) return `could not start: ${state.Error}`
  if (state.ExitCode === 127) return 'could not start: its command was not found (exit code 127)'
  if (state.ExitCode === 126) return 'could not start: its command may not be executed (exit code 126)'
  // a shell, and an init, report a death by signal as 128 + its number
  if (state.ExitCode > 128 && state.ExitCode < 193)
    return `crashed: killed by ${signalName(state.ExitCode - 128)} (exit code ${state.ExitCode})`
  return `crashed: exited with code ${state.ExitCode}`
}

/** What a process that ended left to be told; its last lines go to `log` before. */
export async function explainEnd(
  engine: Engine,
  process: string,
  info: ContainerInspectInfo | null,
  log: (line: string) => void,
): Promise<BerthError> {
  if (info === null) return new BerthError('broken', `${process} was removed while it started`)
  const tail = (await readTail(engine, info.Id, shown).catch(() => [])).map((line) => line.text)
  if (tail.length > 0) log(`The last lines of ${process}:`)
  for (const line of tail) log(`  ${line}`)
  const hint = info.State.OOMKilled
    ? 'give it more memory with `berth ps:scale`, or make it use less'
    : info.State.ExitCode === 127
      ? 'see its line in the Procfile, and whether the build installs the command'
      : info.State.ExitCode === 137
        ? `nothing of Berth's killed it; if it uses much memory, its limit is ${sizeOf(info.HostConfig.Memory ?? 0)}`
        : tail.length > 0
          ? 'its last lines are above'
          : 'it wrote nothing before it ended'
  return new BerthError('invalid', `${process} ${endingOf(info.State, info.HostConfig.Memory ?? 0)}`, hint)
}

/** Why a process that runs is not listening where it should. `heard` is null when its sockets cannot be seen. */
export function explainSilence(
  process: string,
  port: number,
  seconds: number,
  heard: readonly Listener[] | null,
): BerthError {
  const own = heard?.filter((one) => one.port === port) ?? []
  if (own.length > 0)
    return new BerthError(
      'invalid',
      `${process} listens on ${own[0]?.address ?? ''}:${port} only, where no request from outside can reach it`,
      bindHint,
    )
  const open = heard?.filter((one) => !one.loopback) ?? []
  const others = [...new Set((open.length > 0 ? open : (heard ?? [])).map((one) => one.port))].sort((a, b) => a - b)
  if (others.length > 0)
    return new BerthError(
      'invalid',
      `${process} listens on port ${others.join(', ')} but not on port ${port}, which PORT told it to, within ${seconds} s`,
      `${bindHint}; or tell Berth its port with \`berth config:set PORT=${others[0] ?? ''}\``,
    )
  return new BerthError('invalid', `${process} did not listen on port ${port} within ${seconds} s`, bindHint)
}

/** Why a process that listens has failed its check. */
export function explainCheck(process: string, seconds: number, last: Answer | null): BerthError {
  if (last === null) return new BerthError('invalid', `${process} listens but did not answer GET / within ${seconds} s`)
  const excerpt = last.excerpt === '' ? '' : `: ${last.excerpt}`
  return new BerthError(
    'invalid',
    `${process} answered its check, GET /, with status ${last.status}${excerpt}`,
    'any status below 500 passes',
  )
}
