import type { Logins } from '../store/logins.js'

/** How an engine authorizes itself at one registry (Docker Engine API, AuthConfig). */
export interface RegistryAuth {
  readonly username: string
  readonly password: string
  readonly serveraddress: string
}

/** As the Docker API calls Docker Hub in its headers. */
const dockerHub = 'https://index.docker.io/v1/'

/** By the addresses of their registries: what a build may need, for an image begins with any of them. */
export async function registryAuths(logins: Logins): Promise<Record<string, RegistryAuth>> {
  return Object.fromEntries(
    [...(await logins.all())].map(([host, { user, password }]) => {
      const serveraddress = host === 'docker.io' ? dockerHub : host
      return [serveraddress, { username: user, password: password.reveal(), serveraddress }]
    }),
  )
}

/** The registry that an image is of, by its name. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io'
}

/** What an image is pulled with, if there is a login for its registry. */
export function authFor(image: string, auths: Readonly<Record<string, RegistryAuth>>): RegistryAuth | undefined {
  const host = registryOf(image)
  return auths[host === 'docker.io' ? dockerHub : host]
}
