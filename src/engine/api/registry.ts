import { EngineError, isFault, messageOf } from '../errors.js'
import { familiarName, parseReference } from '../oci/reference.js'
import { credentialsOfHeader, readRegistryCredentials } from '../registry/credentials.js'
import { RegistryError } from '../registry/faults.js'
import type { StatusLine } from '../oci/progress.js'
import type { Registry } from '../registry/registry.js'
import { readSearch, searchFilters } from '../registry/search.js'
import { fieldsOf, textField } from '../system/fields.js'
import { parseFilters } from '../system/filters.js'
import { bodies } from './bodies.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

const credentialsOf = (request: ApiRequest) => credentialsOfHeader(request.raw.headers['x-registry-auth'])

/** What goes to and comes from registries, but for `POST /images/create`. */
export const registryRoutes = (registry: Registry): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/images/{name}/push',
    handle: async (request, reply) => {
      const tag = request.query.get('tag') ?? ''
      const reference = parseReference(request.params.name ?? '', null)
      if (reference.digest !== undefined) throw new EngineError('invalid', 'cannot push a digest reference')
      const named = tag === '' ? reference : parseReference(`${request.params.name ?? ''}:${tag}`)
      await streaming(request, reply, (tell) =>
        registry.push(named, { credentials: credentialsOf(request), tell, signal: request.signal }),
      )
    },
  },
  {
    method: 'POST',
    path: '/auth',
    anyType: true,
    handle: async (request, reply) => {
      const fields = fieldsOf(await request.json(bodies.login))
      try {
        const given = readRegistryCredentials(fields)
        const IdentityToken = await registry.login(textField(fields, 'serveraddress'), given, request.signal)
        reply.json(200, { Status: 'Login Succeeded', IdentityToken })
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 401) throw error
        reply.json(401, { message: messageOf(error) })
      }
    },
  },
  {
    method: 'GET',
    path: '/images/search',
    handle: async (request, reply) => {
      const { query, signal } = request
      const filters = parseFilters(query, searchFilters)
      const search = readSearch(query.get('term') ?? '', query.get('limit') ?? '', filters)
      reply.json(200, await registry.search(search, { credentials: credentialsOf(request), signal }))
    },
  },
  {
    method: 'GET',
    path: '/distribution/{name}/json',
    handle: async (request, reply) => {
      const reference = parseReference(request.params.name ?? '')
      const { signal } = request
      reply.json(200, await registry.inspect(reference, { credentials: credentialsOf(request), signal }))
    },
  },
]

/** `POST /images/create?fromImage`: no tag and no digest is every tag. */
export async function pullRoute(registry: Registry, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, signal } = request
  const from = query.get('fromImage') ?? ''
  const tag = query.get('tag') ?? ''
  const named = parseReference(from, null)
  // as dockerd: a tag or digest beside the name takes the place of the name's own
  const reference =
    tag === '' ? named : parseReference(`${familiarName(named)}${tag.includes(':') ? '@' : ':'}${tag}`, null)
  await streaming(request, reply, (tell) =>
    registry.pull(reference, query.get('platform') ?? '', { credentials: credentialsOf(request), tell, signal }),
  )
}

/**
 * Progress as JSON lines; what fails before the first answers with a status, later as a line.
 * @param always every fault is told in a line
 */
export async function streaming(
  request: ApiRequest,
  reply: ApiReply,
  work: (tell: (line: StatusLine) => Promise<void>) => Promise<unknown>,
  always?: 'always',
): Promise<void> {
  let out: ReturnType<ApiReply['stream']> | undefined
  try {
    await work((line) => (out ??= reply.stream()).write(line))
  } catch (error) {
    if (always) out ??= reply.stream()
    if (!out) throw error
    if (!(error instanceof EngineError) && !request.signal.aborted) console.error(error)
    const message = isFault(error, 'full') ? `no space left on device: ${messageOf(error)}` : messageOf(error)
    await out.write({ errorDetail: { message }, error: message })
  }
  out?.end()
}
