import type { Healthcheck } from '../records.js'
import {
  type Arg,
  type CommandForm,
  type CopyInstruction,
  type Instruction,
  keywords,
  type Keyword,
  type Pair,
} from './instructions.js'
import { readMount } from './mounts.js'
import { nearest } from './nearest.js'
import type { LogicalLine } from './source.js'
import { cutFlags, cutWords, type Flag, readJsonForm, skipBlanks, type Word } from './words.js'

const flagsOf: Partial<Record<Keyword, readonly string[]>> = {
  FROM: ['platform'],
  RUN: ['mount', 'network', 'security'],
  COPY: ['from', 'chown', 'chmod', 'link', 'parents', 'exclude'],
  ADD: ['chown', 'chmod', 'link', 'exclude', 'keep-git-dir', 'checksum', 'unpack'],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
}

/** What reading one instruction works on. */
interface Parts {
  readonly line: LogicalLine
  readonly keyword: Keyword
  readonly escape: string
  readonly flags: readonly Flag[]
  /** Where the arguments begin. */
  readonly rest: number
  /** The arguments as one text. */
  readonly text: string
  readonly words: () => Word[]
}

/** Reads one instruction. @throws DockerfileError */
export function parseInstruction(line: LogicalLine, escape: string): Instruction {
  const [name = ''] = /^\S+/.exec(line.text) ?? []
  const keyword = keywords.find((word) => word === name.toUpperCase())
  if (!keyword) {
    const meant = nearest(name.toUpperCase(), keywords)
    throw line.error(0, `unknown instruction: ${name}`, meant && `did you mean ${meant}?`)
  }
  const { flags, rest } = cutFlags(line, name.length, escape)
  const allowed = flagsOf[keyword] ?? []
  for (const flag of allowed.length > 0 ? flags : [])
    if (!allowed.includes(flag.name)) {
      const meant = nearest(flag.name, allowed)
      throw line.error(flag.offset, `unknown flag: --${flag.name}`, meant && `did you mean --${meant}?`)
    }
  const start = allowed.length > 0 ? rest : skipBlanks(line.text, name.length)
  if (start >= line.text.length && line.heredocs.length === 0)
    throw line.error(
      0,
      `${keyword} requires ${keyword === 'FROM' || keyword === 'RUN' ? 'an argument' : 'at least one argument'}`,
    )
  const text = line.text.slice(start)
  return readers[keyword]({
    line,
    keyword,
    escape,
    flags,
    rest: start,
    text,
    words: () => cutWords(line, start, escape),
  })
}

const readers: Record<Keyword, (parts: Parts) => Instruction> = {
  FROM: readFrom,
  RUN: readRun,
  COPY: readCopy,
  ADD: readCopy,
  ENV: ({ line, ...parts }) => ({ kind: 'ENV', line, pairs: readPairs({ line, ...parts }) }),
  LABEL: ({ line, ...parts }) => ({ kind: 'LABEL', line, pairs: readPairs({ line, ...parts }) }),
  ARG: readArg,
  WORKDIR: readOne,
  USER: readOne,
  STOPSIGNAL: readOne,
  MAINTAINER: readOne,
  EXPOSE: readWords,
  VOLUME: readWords,
  CMD: ({ line, text }) => ({ kind: 'CMD', line, command: readCommand(text) }),
  ENTRYPOINT: ({ line, text }) => ({ kind: 'ENTRYPOINT', line, command: readCommand(text) }),
  HEALTHCHECK: readHealthcheck,
  SHELL: ({ line, text, rest }) => {
    const args = readJsonForm(text)
    if (!args || args.length === 0)
      throw line.error(rest, 'SHELL requires the arguments to be in JSON form', 'like SHELL ["/bin/bash", "-c"]')
    return { kind: 'SHELL', line, args }
  },
  ONBUILD: readOnBuild,
}

function readCommand(text: string): CommandForm {
  const args = readJsonForm(text)
  return args ? { form: 'exec', args } : { form: 'shell', text }
}

function readFrom({ line, words, flags }: Parts): Instruction {
  const [image, as, name, more] = words()
  if (!image) throw line.error(0, 'FROM requires an argument')
  if (more || (as && as.text.toLowerCase() !== 'as') || (as && !name))
    throw line.error((as ?? image).offset, 'FROM requires either one or three arguments', 'FROM image AS name')
  if (name && !/^[a-z][a-z0-9-_.]*$/i.test(name.text))
    throw line.error(
      name.offset,
      `invalid name for build stage: "${name.text}"`,
      'it begins with a letter, then letters, digits, - _ .',
    )
  const [platform] = flags.map(({ value, offset }): Word => ({ text: value, offset }))
  return { kind: 'FROM', line, image, name: name?.text.toLowerCase(), platform }
}

function readRun({ line, flags, text }: Parts): Instruction {
  const network = flags.find(({ name }) => name === 'network')
  const value = network?.value ?? 'default'
  if (value !== 'default' && value !== 'none' && value !== 'host')
    throw line.error(network?.offset ?? 0, `unsupported network mode "${value}"`, 'default, none or host')
  const security = flags.find(({ name }) => name === 'security')
  if (security?.value === 'insecure')
    throw line.error(security.offset, 'security.insecure is not allowed', 'builds run in a sandbox here, always')
  if (security && security.value !== 'sandbox')
    throw line.error(security.offset, `unsupported security mode "${security.value}"`, 'sandbox')
  const mounts = flags.filter(({ name }) => name === 'mount').map((flag, index) => readMount(line, flag, index))
  return { kind: 'RUN', line, command: readCommand(text), heredocs: line.heredocs, mounts, network: value }
}

function readCopy({ line, keyword, flags, text, words, rest, escape }: Parts): CopyInstruction {
  const json = readJsonForm(text)
  const all = json ? json.map((item): Word => ({ text: quote(item, escape), offset: rest })) : words()
  const target = all.at(-1)
  if (!target || all.length < 2)
    throw line.error(rest, `${keyword} requires at least two arguments`, `like ${keyword} package.json ./`)
  const flag = (wanted: string): Word | undefined => {
    const found = flags.find(({ name }) => name === wanted)
    return found && { text: found.value, offset: found.offset }
  }
  const yes = (wanted: string): boolean | undefined => {
    const found = flags.findLast(({ name }) => name === wanted)
    if (found && found.value !== 'true' && found.value !== 'false')
      throw line.error(found.offset, `invalid value for flag --${wanted}: "${found.value}"`, 'true or false')
    return found && found.value === 'true'
  }
  const announced = new Set(line.heredocs.map(({ word }) => word))
  return {
    kind: keyword === 'ADD' ? 'ADD' : 'COPY',
    line,
    sources: all.slice(0, -1).filter((word) => !announced.has(word.text)),
    heredocs: line.heredocs,
    target,
    from: flag('from'),
    chown: flag('chown'),
    chmod: flag('chmod'),
    link: yes('link') ?? false,
    parents: yes('parents') ?? false,
    exclude: flags.filter(({ name }) => name === 'exclude').map(({ value, offset }) => ({ text: value, offset })),
    checksum: flag('checksum'),
    keepGitDir: yes('keep-git-dir') ?? false,
    unpack: yes('unpack'),
  }
}

/** `key=value …`, or the old `key value with blanks`. */
function readPairs({ line, keyword, words, rest, text }: Parts): Pair[] {
  const [first, ...others] = words()
  if (first && !first.text.includes('=')) {
    const second = others[0]
    if (!second) throw line.error(rest, `${keyword} must have two arguments`, `like ${keyword} ${first.text}=value`)
    return [{ key: first, value: { text: text.slice(second.offset - rest), offset: second.offset } }]
  }
  return words().map((word) => {
    const equals = word.text.indexOf('=')
    if (equals < 0)
      throw line.error(
        word.offset,
        `cannot find = in "${word.text}"`,
        `${keyword} takes name=value; quote values with blanks`,
      )
    if (equals === 0) throw line.error(word.offset, `${keyword} names cannot be blank`)
    return {
      key: { text: word.text.slice(0, equals), offset: word.offset },
      value: { text: word.text.slice(equals + 1), offset: word.offset + equals + 1 },
    }
  })
}

function readArg({ line, words }: Parts): Arg {
  const args = words().map(({ text, offset }) => {
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw line.error(offset, `invalid name for a build argument: "${name}"`)
    return { name, value: equals < 0 ? undefined : { text: text.slice(equals + 1), offset: offset + equals + 1 } }
  })
  return { kind: 'ARG', line, args }
}

function readOne({ line, keyword, text, rest, words }: Parts): Instruction {
  const kind = keyword as 'WORKDIR'
  if (keyword === 'USER' || keyword === 'STOPSIGNAL') {
    const more = words()[1]
    if (more) throw line.error(more.offset, `${keyword} requires exactly one argument`)
  }
  return { kind, line, text: { text, offset: rest } }
}

function readWords({ line, keyword, text, rest, words, escape }: Parts): Instruction {
  const kind = keyword as 'EXPOSE'
  const json = keyword === 'VOLUME' ? readJsonForm(text) : undefined
  const all = json ? json.map((item): Word => ({ text: quote(item, escape), offset: rest })) : words()
  if (all.length === 0 || json?.some((item) => item.trim() === ''))
    throw line.error(rest, `${keyword} requires at least one argument, and none may be empty`)
  return { kind, line, words: all }
}

function readHealthcheck({ line, flags, text, rest }: Parts): Instruction {
  const [, type = '', command = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? []
  if (type.toUpperCase() === 'NONE') {
    if (command !== '') throw line.error(rest, 'HEALTHCHECK NONE takes no arguments')
    return { kind: 'HEALTHCHECK', line, healthcheck: { Test: ['NONE'] } }
  }
  if (type.toUpperCase() !== 'CMD')
    throw line.error(rest, `unknown type "${type}" in HEALTHCHECK`, 'HEALTHCHECK CMD command, or HEALTHCHECK NONE')
  if (command === '') throw line.error(rest, 'missing command after HEALTHCHECK CMD')
  const keys = {
    interval: 'Interval',
    timeout: 'Timeout',
    'start-period': 'StartPeriod',
    'start-interval': 'StartInterval',
  } as const
  const times: Healthcheck = {}
  for (const { name, value, offset } of flags) {
    if (name === 'retries') {
      if (!/^\d+$/.test(value)) throw line.error(offset, `--retries must be a number, not "${value}"`)
      times.Retries = Number(value)
    } else times[keys[name as keyof typeof keys]] = duration(line, offset, value)
  }
  return { kind: 'HEALTHCHECK', line, healthcheck: { command: readCommand(command), times } }
}

const nanoseconds = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** A Go duration (`1m30s`) in nanoseconds. */
function duration(line: LogicalLine, offset: number, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)
    throw line.error(offset, `"${text}" is no duration`, 'like 30s or 1m30s')
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * nanoseconds[unit as keyof typeof nanoseconds], 0)
}

function readOnBuild({ line, text, rest, escape }: Parts): Instruction {
  const trigger = parseInstruction(line.from(rest), escape)
  if (trigger.kind === 'ONBUILD' || trigger.kind === 'FROM' || trigger.kind === 'MAINTAINER')
    throw line.error(rest, `${trigger.kind} is not allowed as an ONBUILD trigger`)
  const bodies = line.heredocs.map(({ content, name }) => `\n${content}${name}`).join('')
  return { kind: 'ONBUILD', line, text: text + bodies }
}

/** A word that expands to exactly this text, save for variables, which JSON words have too. */
const quote = (text: string, escape: string): string =>
  text.replace(/['"\\`]/g, (character) => {
    const special = character === escape || character === "'" || character === '"'
    return special ? escape + character : character
  })
