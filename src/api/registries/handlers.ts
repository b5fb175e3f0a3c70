import { BerthError } from '../../errors.js'
import { Secret } from '../../lib/secret.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

/** A registry as the names of its images begin with it. @throws BerthError `invalid` */
function checkHost(text: string): string {
  const host = text
    .replace(/^https?:\/\//, '')
    .replace(/\/(v[12]\/?)?$/, '')
    .toLowerCase()
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/.test(host))
    throw new BerthError(
      'invalid',
      `"${text.slice(0, 80)}" is no host of a registry`,
      'name it as docker.io or registry.example.com:5000',
    )
  // as Docker calls its own
  return ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'].includes(host) ? 'docker.io' : host
}

export const registryHandlers = ({ store: { registryLogins } }: ControlApiDeps): HandlersOf<'registries'> => ({
  list: () => registryLogins.list(),

  login: async ({ host, user, password }) => {
    if (/[:\p{Cc}]/u.test(user) || /\p{Cc}/u.test(password))
      throw new BerthError('invalid', 'a user name has no colon, and neither it nor a password control characters')
    const login = { host: checkHost(host), user }
    await registryLogins.set(login, new Secret(password))
    return login
  },

  logout: ({ host }) => registryLogins.remove(checkHost(host)),
})
