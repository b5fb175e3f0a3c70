import { BerthError } from '../../errors.js'
import { parseUrl } from '../../git/submodules/url.js'
import { Secret } from '../../lib/secret.js'
import type { App } from '../../store/apps.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { GitView } from './contract.js'

/** @throws BerthError `invalid` */
function checkOrigin(text: string): string {
  const read = () => {
    try {
      return parseUrl(text, 'origin')
    } catch (error) {
      throw error instanceof BerthError
        ? new BerthError('invalid', error.message, 'give the https:// URL of the repository', error)
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
  return url.href
}

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

export function gitHandlers({ store }: ControlApiDeps): HandlersOf<'git'> {
  const view = async ({ id, gitOrigin, deployBranch }: App): Promise<GitView> => ({
    origin: gitOrigin ?? null,
    deployBranch,
    logins: await store.gitLogins(id).list(),
  })

  return {
    info: (_, { app }) => view(app),
    update: async ({ origin }, { app }) =>
      view(await store.apps.update(app.id, { gitOrigin: origin === null ? undefined : checkOrigin(origin) })),

    authorize: async ({ host, user, password }, { app }) => {
      checkLogin(user, password)
      const login = { host: checkHost(host), user }
      await store.gitLogins(app.id).set(login, new Secret(password))
      return login
    },

    forget: ({ host }, { app }) => store.gitLogins(app.id).remove(host.toLowerCase()),
  }
}
