import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { settingsFile, storedSettings, type Config } from '../config.js'
import { BerthError } from '../errors.js'
import { settings } from '../settings.js'
import { pidsFile, readRunning, type RunningInstance } from './instance.js'

/** Settings that name what an instance has in the kernel, or where its apps are: they cannot change under running apps. */
const fixed = ['BERTH_RUN', 'BERTH_NAME', 'BERTH_POOL', 'BERTH_USERNS_IDS', 'BERTH_ENGINE'] as const

const real = (path: string): string => (existsSync(path) ? realpathSync(path) : path)
const rootOf = ({ settings }: RunningInstance): string => real(settings.BERTH_ROOT ?? '')

/**
 * The instance that lives in this root, if it runs or its apps do.
 * @throws BerthError `conflict` when the settings would meet another instance's, or change what its apps stand on
 */
export function checkInstanceSettings(config: Config): RunningInstance | null {
  const root = real(config.root)
  checkRoot(root)
  const there = readRunning(config.run)
  if (there && rootOf(there) !== root) throw occupied(config, rootOf(there))
  const before = storedSettings(root).BERTH_RUN ?? '/run/berth'
  const running = there ?? [readRunning(before)].find((other) => other !== null && rootOf(other) === root) ?? null
  if (running === null) {
    if (!existsSync(pidsFile(config)) && hasCgroup(config.name))
      throw new BerthError(
        'conflict',
        `another engine or Berth on this machine has the name "${config.name}" and containers of its own`,
        `give this one another: BERTH_NAME, and BERTH_RUN, BERTH_POOL and --http-port with it`,
      )
    return null
  }
  const changed = fixed.filter((name) => config.env[name] !== running.settings[name])
  const [first] = changed
  if (first !== undefined)
    throw new BerthError(
      'conflict',
      `${first} is ${running.settings[first] ?? 'unset'} and cannot become ${config.env[first] ?? 'unset'} while apps run`,
      `\`BERTH_ROOT=${root} bin/berth down --all\` stops them; bin/up then starts them with the new setting`,
    )
  return running
}

function occupied(config: Config, other: string): BerthError {
  return new BerthError(
    'conflict',
    `${config.run} belongs to the Berth in ${other}, whose platform or apps run`,
    `to have one in ${config.root} instead, stop that one: \`BERTH_ROOT=${other} bin/berth down --all\`; ` +
      'to have both, give this one a BERTH_NAME, BERTH_RUN, BERTH_POOL and --http-port of its own',
  )
}

/** A directory that holds somebody else's files is not to be filled with ours. */
function checkRoot(root: string): void {
  if (!existsSync(root)) return
  const names = readdirSync(root).filter((name) => name !== 'lost+found')
  const ours = ['berth.env', 'redis', 'engine', 'cache', 'log']
  if (root === '/' || (names.length > 0 && !ours.some((name) => names.includes(name))))
    throw new BerthError(
      'conflict',
      `${root} holds other files, and no Berth`,
      'give Berth a directory of its own: --root /srv/berth',
    )
}

const hasCgroup = (name: string): boolean =>
  ['', 'unified', 'pids'].some((hierarchy) => existsSync(join('/sys/fs/cgroup', hierarchy, `berth-${name}`)))

/**
 * Writes the settings that the environment gives, and that differ, into the instance's file; all else in it stays as its
 * owner wrote it. Whole or not at all.
 */
export async function rememberSettings(config: Config, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const stored = storedSettings(config.root)
  const names = Object.keys(settings).filter((name) => name !== 'BERTH_ROOT' && env[name])
  const given = names.filter((name) => stored[name] !== config.env[name])
  const file = settingsFile(config.root)
  if (given.length === 0 && existsSync(file)) return
  const text = existsSync(file)
    ? readFileSync(file, 'utf8')
    : '# Settings of this Berth: docs/operating.md. `bin/up` applies them.\n'
  const lines = text.split('\n').filter((line, at, all) => line !== '' || at < all.length - 1)
  const kept = lines.filter((line) => !given.some((name) => new RegExp(`^\\s*(export\\s+)?${name}\\s*[=:]`).test(line)))
  const added = given.map((name) => `${name}=${quoted(config.env[name] ?? '')}`)
  await replaceSecret(file, `${[...kept, ...added].join('\n')}\n`)
}

/** A value as dotenv reads it back. */
function quoted(value: string): string {
  if (/^[\w.,:/@%+=[\]~-]*$/.test(value)) return value
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark))
  return quote === undefined ? value : `${quote}${value}${quote}`
}

/** Replaces a file that root alone may read until the instance starts, which lets its account read it too. */
export async function replaceSecret(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
}
