import { EngineError } from '../errors.js'

/** An image's name, completed as Docker does: `debian` is `docker.io/library/debian:latest`. */
export interface Reference {
  readonly domain: string
  readonly path: string
  /** Absent with a digest, and where no tag was given and none was to be assumed. */
  readonly tag: string | undefined
  readonly digest: string | undefined
}

/** Docker Hub as image names have it, and its index, which names may be written with too. */
export const hubDomain = 'docker.io'
export const hubIndex = `index.${hubDomain}`

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const pathPattern = new RegExp(`^${component}(?:/${component})*$`)
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/

export const isTag = (text: string): boolean => tagPattern.test(text)

/**
 * Reads a reference by the grammar of distribution/reference. Length is checked first, so hostile input costs nothing.
 * @throws EngineError `invalid` "invalid reference format"
 */
export function parseReference(text: string, defaultTag: string | null = 'latest'): Reference {
  if (text.length > 1024) throw new EngineError('invalid', 'invalid reference format: too long')
  if (/^[a-f0-9]{64}$/.test(text))
    throw new EngineError('invalid', 'invalid repository name: cannot be 64 hexadecimal characters')
  const [name = '', digest, more] = text.split('@')
  const slash = name.indexOf('/')
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  const tag = colon < 0 ? undefined : name.slice(colon + 1)
  const repository = colon < 0 ? name : name.slice(0, colon)
  const first = slash < 0 ? '' : repository.slice(0, slash)
  const hasDomain = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first
  const domain = !hasDomain || first === hubIndex ? hubDomain : first
  const rest = hasDomain ? repository.slice(slash + 1) : repository
  const path = domain === hubDomain && rest !== '' && !rest.includes('/') ? `library/${rest}` : rest
  if (path.toLowerCase() !== path)
    throw new EngineError('invalid', `invalid reference format: repository name (${path}) must be lowercase`)
  const valid =
    more === undefined &&
    pathPattern.test(path) &&
    domainPattern.test(domain) &&
    domain.length + 1 + path.length <= 255 &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || digestPattern.test(digest))
  if (!valid) throw new EngineError('invalid', `invalid reference format: ${JSON.stringify(text.slice(0, 80))}`)
  return { domain, path, tag: tag ?? (digest === undefined ? (defaultTag ?? undefined) : undefined), digest }
}

/** The repository as people write it: `debian`, `me/app`, `registry.example.com/app`. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== hubDomain) return `${domain}/${path}`
  return path.startsWith('library/') ? path.slice('library/'.length) : path
}

/** The whole reference as people write it: `debian:bookworm-slim`. */
export const familiar = (reference: Reference): string =>
  familiarName(reference) +
  (reference.tag === undefined ? '' : `:${reference.tag}`) +
  (reference.digest === undefined ? '' : `@${reference.digest}`)
