import { BerthError } from '../errors.js'
import type { ServicePlugin, ServiceVersion } from '../plugins/kinds/service.js'

/** A version of a recipe. @throws BerthError `invalid`, naming those that there are */
export function versionOf(
  { title, versions }: Pick<ServicePlugin, 'title' | 'versions'>,
  asked: string | undefined,
): ServiceVersion {
  if (asked === undefined) return versions[0]
  const found = versions.find(({ version }) => version === asked)
  if (found) return found
  throw new BerthError(
    'invalid',
    `there is no ${title} "${asked.slice(0, 40)}" here`,
    `there is ${versions.map(({ version }) => version).join(', ')}`,
  )
}
