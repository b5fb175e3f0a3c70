import { BerthError } from '../../errors.js'
import type { GitSource } from '../../store/apps.js'
import { addressOf, parseUrl } from '../remotes/url.js'

/** What a message about a kept repository begins with. */
export const sourceName = 'source'

/** git-check-ref-format(1), and no dash to begin with. */
const refName = /^(?!-|\/|.*(?:\.\.|@\{|\/\/|\/\.|\.lock$|\.lock\/|\/$|\.$))[^\p{Cc}\s~^:?*[\\]{1,200}$/u

/** Whole ids of commits. */
export const isCommit = (ref: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)

/** As people write it: `URL#ref`. */
export const writeSource = ({ url, ref }: GitSource): string => (ref === null ? url : `${url}#${ref}`)

/**
 * Understands where an app is kept from.
 * @throws BerthError `invalid`
 */
export function parseSource(text: string, ref: string | null): GitSource {
  const { url, login } = parseUrl(text, sourceName)
  if (login)
    throw new BerthError(
      'invalid',
      'the source is no place for a password',
      `leave it out; \`berth git:auth ${url.host} USER\` keeps it`,
    )
  if (ref !== null && !refName.test(ref))
    throw new BerthError(
      'invalid',
      `"${ref.slice(0, 80).replace(/\p{Cc}/gu, '?')}" is no name of a branch or a tag, nor a commit id`,
      'write it as https://HOST/REPOSITORY.git#BRANCH',
    )
  return { url: addressOf(url), ref }
}
