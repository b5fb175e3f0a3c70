import type { Command } from 'commander'
import type { ApiClient } from '../api/client.js'
import { UsageError } from './failure.js'
import { chooseApp, openSession, withApp, type AppOptions } from './session.js'

/** Options of commands that are about an app, or about Berth's own hostname. */
export interface PlatformOptions extends AppOptions {
  readonly platform?: boolean
}

/** Adds `-a, --app` and `--platform`. */
export const withPlatform = (command: Command): Command =>
  withApp(command).option('--platform', "Berth's own hostname instead of an app")

/** @throws UsageError where both are named */
export function isPlatform({ app, platform }: PlatformOptions): boolean {
  if (platform === true && app !== undefined) throw new UsageError('-a and --platform contradict each other')
  return platform === true
}

/** The certificates of an app, or of Berth's own hostname. */
export interface CertsOf {
  readonly client: ApiClient
  readonly name: string
  readonly certs: ApiClient['platformCerts']
}

/** @throws UsageError */
export async function openCerts(options: PlatformOptions): Promise<CertsOf> {
  const session = await openSession()
  const { client } = session
  if (isPlatform(options)) return { client, name: 'Berth', certs: client.platformCerts }
  const app = await chooseApp(session, options)
  const { certs } = client
  return {
    client,
    name: app,
    certs: {
      list: () => certs.list({ app }),
      info: (of) => certs.info({ ...of, app }),
      add: (given) => certs.add({ ...given, app }),
      auto: (on) => certs.auto({ ...on, app }),
      renew: (which) => certs.renew({ ...which, app }),
      remove: (of) => certs.remove({ ...of, app }),
    },
  }
}
