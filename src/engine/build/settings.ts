import { isAbsolute, join } from 'node:path/posix'
import type { ImageConfig } from '../records.js'
import type { CommandForm, Instruction } from './instructions.js'
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
    case 'ENV': {
      const env = environment(state.config)
      const pairs = instruction.pairs.map(({ key, value }): [string, string] => [scope.word(key), scope.word(value)])
      for (const [key, value] of pairs) env.set(key, value)
      const text = pairs.map(([key, value]) => `${key}=${value}`).join(' ')
      return by(`ENV ${text}`, { Env: [...env].map(([key, value]) => `${key}=${value}`) })
    }
    case 'LABEL': {
      const labels = instruction.pairs.map(({ key, value }): [string, string] => [scope.word(key), scope.word(value)])
      const text = labels.map(([key, value]) => `${key}=${value}`).join(' ')
      return by(`LABEL ${text}`, { Labels: { ...state.config.Labels, ...Object.fromEntries(labels) } })
    }
    case 'WORKDIR': {
      const path = workingDirectory(state.config, scope.word(instruction.text))
      return by(`WORKDIR ${path}`, { WorkingDir: path })
    }
    case 'USER': {
      const user = scope.word(instruction.text)
      if (user === '') throw line.error(instruction.text.offset, 'USER cannot be blank')
      return by(`USER ${user}`, { User: user })
    }
    case 'STOPSIGNAL': {
      const signal = scope.word(instruction.text)
      if (!/^(\d{1,2}|(SIG)?[A-Z][A-Z0-9+-]*)$/i.test(signal))
        throw line.error(instruction.text.offset, `invalid signal: ${signal}`, 'like SIGTERM or 15')
      return by(`STOPSIGNAL ${signal}`, { StopSignal: signal })
    }
    case 'MAINTAINER':
      return { ...by(line.text, {}), author: instruction.text.text }
    case 'EXPOSE': {
      const ports = instruction.words.flatMap((word) =>
        scope.words(word).flatMap((text) => portsOf(text, line, word.offset)),
      )
      const exposed = Object.fromEntries(ports.map((port) => [port, {}]))
      return by(`EXPOSE ${ports.join(' ')}`, { ExposedPorts: { ...state.config.ExposedPorts, ...exposed } })
    }
    case 'VOLUME': {
      const paths = instruction.words.map((word) => scope.word(word))
      const volumes = Object.fromEntries(paths.map((path) => [path, {}]))
      return by(`VOLUME ${paths.join(' ')}`, { Volumes: { ...state.config.Volumes, ...volumes } })
    }
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
