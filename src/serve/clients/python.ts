import { join } from 'node:path'
import { asTable, asTables, parseToml } from '../../lib/toml.js'
import type { ClientSettings, Host } from './client.js'

/** What pip is told of indexes, and the variables that tell pip and uv the same. */
const options = {
  'index-url': ['PIP_INDEX_URL', 'UV_DEFAULT_INDEX'],
  'extra-index-url': ['PIP_EXTRA_INDEX_URL', 'UV_INDEX'],
  'trusted-host': ['PIP_TRUSTED_HOST', 'UV_INSECURE_HOST'],
} as const

/** The indexes that pip and uv are set to: each client gets its own settings, else the other's. */
export function python(host: Host): ClientSettings {
  const pip = pipOptions(host)
  const uv = uvOptions(host)
  const variables: Record<string, string> = {}
  for (const [option, [forPip, forUv]] of Object.entries(options)) {
    const told = { pip: host.env[forPip] ?? pip[option] ?? '', uv: host.env[forUv] ?? uv[option] ?? '' }
    if (told.pip || told.uv) variables[forPip] = told.pip || told.uv
    if (told.pip || told.uv) variables[forUv] = told.uv || told.pip
  }
  return variables
}

/** pip's files, a later one over an earlier: the machine's, the person's, the one that is named. */
function pipOptions({ env, home, configHome, read }: Host): Record<string, string> {
  const machine = (env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':').toReversed()
  const files = [
    ...machine.map((directory) => join(directory, 'pip/pip.conf')),
    '/etc/pip.conf',
    join(home, '.pip/pip.conf'),
    join(configHome, 'pip/pip.conf'),
    ...(env.PIP_CONFIG_FILE === undefined ? [] : [env.PIP_CONFIG_FILE]),
  ]
  const found: Record<string, string> = {}
  if (env.PIP_CONFIG_FILE === '/dev/null') return found // pip's own way to have none
  for (const section of ['global', 'install', 'download'])
    for (const file of files) Object.assign(found, section in found ? {} : sectionOf(read(file) ?? '', section))
  return found
}

/** One section of an INI file as Python's configparser reads it: indented lines belong to the option above. */
function sectionOf(text: string, wanted: string): Record<string, string> {
  const found: Record<string, string> = {}
  let section = ''
  let option = ''
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue
    const head = /^\[(.+)\]\s*$/.exec(line)
    const pair = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line)
    if (head) [section, option] = [head[1] ?? '', '']
    else if (section !== wanted) continue
    else if (/^\s/.test(line) && option !== '') found[option] = `${found[option] ?? ''} ${line.trim()}`.trim()
    else if (pair) {
      option = (pair[1] ?? '').toLowerCase().replaceAll('_', '-')
      found[option] = pair[2] ?? ''
    }
  }
  return found
}

/** uv's files: the person's, else the machine's. */
function uvOptions({ env, configHome, read }: Host): Record<string, string> {
  const found: Record<string, string> = {}
  if (env.UV_INDEX_URL !== undefined) found['index-url'] = env.UV_INDEX_URL
  if (env.UV_EXTRA_INDEX_URL !== undefined) found['extra-index-url'] = env.UV_EXTRA_INDEX_URL
  const files = [env.UV_CONFIG_FILE, join(configHome, 'uv/uv.toml'), '/etc/xdg/uv/uv.toml', '/etc/uv/uv.toml']
  for (const file of files) {
    const settings = tomlOf(file === undefined ? null : read(file))
    const indexes = asTables(settings.index)
    const urls = (all: typeof indexes) => all.map(({ url }) => url).filter((url) => typeof url === 'string')
    const fallback = settings['index-url'] ?? urls(indexes.filter((index) => index.default === true))[0]
    if (typeof fallback === 'string') found['index-url'] ??= fallback
    const extra = [settings['extra-index-url'] ?? [], urls(indexes.filter((index) => index.default !== true))].flat()
    if (extra.length > 0) found['extra-index-url'] ??= extra.map(String).join(' ')
    const trusted = [settings['allow-insecure-host'] ?? []].flat()
    if (trusted.length > 0) found['trusted-host'] ??= trusted.map(String).join(' ')
  }
  return found
}

/** A file that is not TOML tells nothing: uv itself complains of it. */
function tomlOf(text: string | null) {
  try {
    return asTable(parseToml(text ?? ''))
  } catch {
    return {}
  }
}
