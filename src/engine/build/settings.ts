import { isAbsolute, join } from 'node:path/posix'
import type { ImageConfig } from '../records.js'
import type { CommandForm, Env, Instruction, One, WordsInstruction } from './instructions.js'
import { Scope } from './scope.js'
import { configured, environment, type StageState, variablesOf } from './state.js'

const defaultShell = ['/bin/sh', '-c']

/** The words a command runs as: the JSON form as it is, the other through the shell. */
export const argsOf = (command: CommandForm, config: ImageConfig): string[] =>
  command.form === 'exec' ? [...command.args] : [...(config.Shell ?? defaultShell), command.text]

/**
 * Carries out an instruction that changes only the image's configuration.
 * @throws DockerfileError
 */
export function configure(instruction: Instruction, state: StageState, escape: string): StageState {
  const { line } = instruction
  const scope = new Scope(line, variablesOf(state), escape)
  const by = (text: string, config: Partial<ImageConfig>) => configured(state, text, config)
  switch (instruction.kind) {
    case 'ENV':
    case 'LABEL':
      return setPairs(instruction, state, scope)
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
    case 'MAINTAINER':
      return setText(instruction, state, scope)
    case 'EXPOSE':
    case 'VOLUME':
      return addWords(instruction, state, scope)
    case 'CMD':
      return { ...by(line.text, { Cmd: argsOf(instruction.command, state.config) }), ownCmd: true }
    case 'ENTRYPOINT': {
      // A CMD inherited from the base was meant for the base's entrypoint (Dockerfile reference, "CMD and ENTRYPOINT").
      const cmd = state.ownCmd ? {} : { Cmd: null }
      return by(line.text, { Entrypoint: argsOf(instruction.command, state.config), ...cmd })
    }
    case 'HEALTHCHECK': {
      const check = instruction.healthcheck
      if (!('command' in check)) return by(line.text, { Healthcheck: check })
      const { command, times } = check
      const test = command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.text]
      return by(line.text, { Healthcheck: { Test: test, ...times } })
    }
    case 'SHELL':
      return by(line.text, { Shell: [...instruction.args] })
    case 'ONBUILD':
      return by(line.text, { OnBuild: [...(state.config.OnBuild ?? []), instruction.text] })
    default:
      throw new Error(`${instruction.kind} is not a setting`)
  }
}

function setPairs({ kind, pairs }: Env, state: StageState, scope: Scope): StageState {
  const words = pairs.map(({ key, value }): [string, string] => [scope.word(key), scope.word(value)])
  const text = `${kind} ${words.map(([key, value]) => `${key}=${value}`).join(' ')}`
  if (kind === 'LABEL')
    return configured(state, text, { Labels: { ...state.config.Labels, ...Object.fromEntries(words) } })
  const env = environment(state.config)
  for (const [key, value] of words) env.set(key, value)
  return configured(state, text, { Env: [...env].map(([key, value]) => `${key}=${value}`) })
}

function setText({ kind, line, text }: One, state: StageState, scope: Scope): StageState {
  if (kind === 'MAINTAINER') return { ...configured(state, line.text, {}), author: text.text }
  const word = scope.word(text)
  if (kind === 'USER') {
    if (word === '') throw line.error(text.offset, 'USER cannot be blank')
    return configured(state, `USER ${word}`, { User: word })
  }
  if (kind === 'STOPSIGNAL') {
    if (!/^(\d{1,2}|(SIG)?[A-Z][A-Z0-9+-]*)$/i.test(word))
      throw line.error(text.offset, `invalid signal: ${word}`, 'like SIGTERM or 15')
    return configured(state, `STOPSIGNAL ${word}`, { StopSignal: word })
  }
  const path = workingDirectory(state.config, word)
  return configured(state, `WORKDIR ${path}`, { WorkingDir: path })
}

function addWords({ kind, line, words }: WordsInstruction, state: StageState, scope: Scope): StageState {
  const keyed = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, {}]))
  if (kind === 'VOLUME') {
    const paths = words.map((word) => scope.word(word))
    return configured(state, `VOLUME ${paths.join(' ')}`, { Volumes: { ...state.config.Volumes, ...keyed(paths) } })
  }
  const ports = words.flatMap((word) => scope.words(word).flatMap((text) => portsOf(text, line, word.offset)))
  const exposed = { ...state.config.ExposedPorts, ...keyed(ports) }
  return configured(state, `EXPOSE ${ports.join(' ')}`, { ExposedPorts: exposed })
}

export const workingDirectory = (config: ImageConfig, path: string): string => {
  const joined = isAbsolute(path) ? join(path) : join('/', config.WorkingDir ?? '/', path)
  return joined.length > 1 ? joined.replace(/\/$/, '') : joined
}

/** `80`, `80/udp`, `8000-8010`. */
function portsOf(text: string, line: Instruction['line'], offset: number): string[] {
  const [, first, last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? []
  const from = Number(first)
  const to = Number(last)
  if (first === undefined || from < 1 || to > 65535 || to < from)
    throw line.error(offset, `invalid containerPort: ${text}`, 'like 8080, 53/udp or 8000-8010')
  return Array.from({ length: to - from + 1 }, (_, index) => `${String(from + index)}/${protocol.toLowerCase()}`)
}
