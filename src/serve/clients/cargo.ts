import { join } from 'node:path'
import type { ClientSettings, Host } from './client.js'

/** Tables that say where crates come from. */
const wanted = /^(?:source|registries|registry|net|http)(?:\.|$)/
/** Registries take these as variables; the rest they take from a file alone. */
const variable = /^CARGO_(?:REGISTRIES_\w+_INDEX|REGISTRY_DEFAULT|NET_\w+|HTTP_\w+)$/

/**
 * Where Cargo is told to take crates from. Source replacement can only be said in a file, so the tables travel as they
 * are written, for the engine to lay into the steps of builds.
 */
export function cargo({ env, home, read }: Host): ClientSettings {
  const directory = env.CARGO_HOME ?? join(home, '.cargo')
  const text = read(join(directory, 'config.toml')) ?? read(join(directory, 'config')) ?? ''
  const kept: string[] = []
  let keeping = false
  for (const line of text.split(/\r?\n/)) {
    const head = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line)
    if (head) keeping = wanted.test((head[1] ?? '').replaceAll(/["'\s]/g, ''))
    // a token is for publishing; apps have no business with it
    if (keeping && !/^\s*(?:token|secret-key)\s*=/.test(line)) kept.push(line)
  }
  const variables = Object.entries(env).filter(([name, value]) => variable.test(name) && value !== undefined)
  const tables = kept.join('\n').trim()
  const file = tables === '' ? {} : { BERTH_CARGO_CONFIG: base64(`${tables}\n`) }
  return { ...Object.fromEntries(variables), ...file }
}

/** dotenv has no way to write quotes within quotes. */
const base64 = (text: string): string => Buffer.from(text).toString('base64')
