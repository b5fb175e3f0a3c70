import { askerOf } from '../../access/caller.js'
import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import { checkElsewhere } from '../../git/remotes/hosts.js'
import { addressOf, parseUrl } from '../../git/remotes/url.js'
import { parseSource, sourceName } from '../../git/sync/source.js'
import type { SyncRun } from '../../git/sync/syncing.js'
import { Secret } from '../../lib/secret.js'
import { without } from '../../lib/without.js'
import type { App, GitSource } from '../../store/apps.js'
import type { Sync, Webhook } from '../../store/syncs.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { GitView, SyncView } from './contract.js'
import { sshHandlers, viewKeys } from './ssh.js'

/** @throws BerthError `invalid` */
function checkOrigin(text: string): string {
  const read = () => {
    try {
      return parseUrl(text, 'origin')
    } catch (error) {
      throw error instanceof BerthError
        ? new BerthError('invalid', error.message, 'give the https:// or ssh:// URL of the repository', error)
        : error
    }
  }
  const { url, login } = read()
  if (login)
    throw new BerthError(
      'invalid',
      'the origin is no place for a password',
      `leave it out; \`berth git:auth ${url.host} USER\` keeps it`,
    )
  return addressOf(url)
}

/** @throws BerthError `invalid`, `denied` */
function checkSource({ domain }: Config, { url, ref }: GitSource): GitSource {
  const source = parseSource(url, ref)
  checkElsewhere(domain, parseUrl(source.url, sourceName).url, sourceName)
  return source
}

const goesOn = (): BerthError =>
  new BerthError('unavailable', 'Berth stopped following the sync, which goes on', '`berth git:syncs` says how it ends')

/** A host as a URL has it. @throws BerthError `invalid` */
function checkHost(text: string): string {
  const url = URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : null
  if (url === null || url.host === '' || /[/@?#\s\\]/.test(text))
    throw new BerthError('invalid', `"${text.slice(0, 80)}" is not a host`, 'name it as github.com or git.lan:3000')
  return url.host
}

/** What HTTP can carry (RFC 7617). @throws BerthError `invalid` */
function checkLogin(user: string, password: string): void {
  const control = /\p{Cc}/u
  if (user.includes(':') || control.test(user))
    throw new BerthError('invalid', 'a user name has no colon and no control characters', 'give another')
  if (control.test(password))
    throw new BerthError('invalid', 'the password has more than one line, or control characters', 'give one line')
}

/** Without who asked for it, which its build says, and who does it. */
const viewSync = (sync: Sync): SyncView => without(sync, 'by', 'owner')

/** @throws BerthError `missing` */
const gone = (): never => {
  throw new BerthError('missing', 'the app is not there any more', 'run `berth apps` to see them all')
}

/** What a sync says, and how it ended. @throws BerthError when it goes on without who follows it */
async function* followSync({ output, ended }: SyncRun, signal: AbortSignal) {
  for await (const text of output.read(signal)) yield { text }
  if (signal.aborted) throw goesOn()
  const end = await ended
  if (end === null) throw goesOn()
  return viewSync(end)
}

export function gitHandlers(platform: ControlApiDeps): HandlersOf<'git'> {
  const { config, store } = platform
  const urlOf = (url: string, { id }: Webhook): string => `${url}/hooks/${id}`
  const view = async (url: string, { id, gitOrigin, gitSource, deployBranch }: App): Promise<GitView> => {
    const [hook, logins, keys] = await Promise.all([
      store.webhooks.of(id),
      store.gitLogins(id).list(),
      store.gitKeys(id).all(),
    ])
    const webhook = hook && { url: urlOf(url, hook), createdAt: hook.createdAt }
    return { origin: gitOrigin ?? null, source: gitSource ?? null, webhook, deployBranch, ...viewKeys(keys), logins }
  }

  return {
    info: (_, { app, url }) => view(url, app),
    update: async ({ origin, source }, { app, url }) =>
      view(
        url,
        await store.apps.update(app.id, {
          ...(origin !== undefined && { gitOrigin: origin === null ? undefined : checkOrigin(origin) }),
          ...(source !== undefined && { gitSource: source === null ? undefined : checkSource(config, source) }),
        }),
      ),

    authorize: async ({ host, user, password }, { app }) => {
      checkLogin(user, password)
      const login = { host: checkHost(host), user }
      await store.gitLogins(app.id).set(login, new Secret(password))
      return login
    },

    forget: ({ host }, { app }) => store.gitLogins(app.id).remove(host.toLowerCase()),

    sync: async (_, { app, caller, signal }) => followSync(await platform.sync(app, askerOf(caller)), signal),

    syncs: async (_, { app }) => (await store.syncs(app.id).list()).map(viewSync),

    ...sshHandlers(platform),

    openWebhook: async (_, { app, url }) => {
      const hook = (await store.webhooks.renew(app.id)) ?? gone()
      return { url: urlOf(url, hook), createdAt: hook.createdAt, secret: hook.secret.reveal() }
    },

    closeWebhook: async (_, { app }) => ({ removed: await store.webhooks.remove(app.id) }),
  }
}
