import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a package client of this machine keeps its configuration. */
export interface Host {
  readonly env: NodeJS.ProcessEnv
  readonly home: string
  /** Where programs keep a person's configuration. */
  readonly configHome: string
  /** Text of a file; null where there is none to be read. */
  readonly read: (path: string) => string | null
}

/** What a client is set to: variables for the steps of builds, by name. */
export type ClientSettings = Readonly<Record<string, string>>

/** This machine as `env` describes it. */
export function thisHost(env: NodeJS.ProcessEnv): Host {
  const home = env.HOME ?? '/root'
  return {
    env,
    home,
    configHome: env.XDG_CONFIG_HOME ?? join(home, '.config'),
    read: (path) => {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return null // none, or not ours to read: the client goes without it as well
      }
    },
  }
}
