import { join } from 'node:path'
import type { ClientSettings, Host } from './client.js'

/** What `go env` has of where modules come from, and of how to build. */
const names = ['GOPROXY', 'GONOPROXY', 'GOPRIVATE', 'GOSUMDB', 'GONOSUMDB', 'GOINSECURE', 'GOVCS', 'GOFLAGS']

/** What Go is set to: by variables, else by the file that `go env -w` writes. */
export function go({ env, configHome, read }: Host): ClientSettings {
  const file = env.GOENV === 'off' ? '' : (read(env.GOENV ?? join(configHome, 'go/env')) ?? '')
  const written = new Map(file.split(/\r?\n/).map((line) => [line.split('=', 1)[0] ?? '', line.replace(/^[^=]*=/, '')]))
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name] ?? written.get(name) ?? ''
      return value === '' ? [] : [[name, value]]
    }),
  )
}
