import { z } from 'zod'
import { statusOf } from '../errors.js'
import { version } from '../version.js'
import { contract } from './contract.js'
import type { ApiEndpoint } from './endpoint.js'
import { routes, splitRoute } from './routes.js'

const target = { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' } as const

const schemaOf = (type: z.ZodType, io: 'input' | 'output' = 'input'): object => {
  const schema = z.toJSONSchema(type, { ...target, io }) as Record<string, unknown>
  delete schema.$schema
  return schema
}

const parametersOf = (schema: z.ZodObject | undefined, place: 'path' | 'query'): object[] => {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schemaOf(schema) as {
    properties?: Record<string, { description?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

const archiveMedia = { 'application/x-tar': { schema: { type: 'string', format: 'binary' } } }

const mediaOf = (endpoint: ApiEndpoint): object => {
  if (endpoint.stream === 'archive') return archiveMedia
  if (endpoint.stream === 'text') return { 'text/plain': { schema: { type: 'string' } } }
  const reply = schemaOf(endpoint.reply, 'output')
  if (endpoint.stream !== 'lines' || endpoint.end === undefined) return { 'application/json': { schema: reply } }
  const end = { type: 'object', properties: { end: schemaOf(endpoint.end, 'output') }, required: ['end'] }
  const error = { type: 'object', properties: { error: { $ref: '#/components/schemas/Fault' } }, required: ['error'] }
  return { 'application/x-ndjson': { schema: { oneOf: [reply, end, error] } } }
}

function describe(endpoint: ApiEndpoint, id: string): object {
  const success =
    endpoint.stream === 'socket'
      ? { 101: { description: 'a WebSocket; docs/api.md says what its messages are' } }
      : { [endpoint.status ?? 200]: { description: endpoint.summary, content: mediaOf(endpoint) } }
  return {
    operationId: id,
    summary: endpoint.summary,
    tags: [id.split('.')[0]],
    parameters: [...parametersOf(endpoint.params, 'path'), ...parametersOf(endpoint.query, 'query')],
    ...(endpoint.takes === undefined ? {} : { requestBody: { required: true, content: archiveMedia } }),
    ...(endpoint.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(endpoint.body) } } } }),
    ...(endpoint.needs === 'nothing' ? { security: [] } : {}),
    responses: { ...success, default: { $ref: '#/components/responses/Fault' } },
  }
}

/** The contract as an OpenAPI 3.0 document. */
export function openapi(server: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [resource, operations] of Object.entries(routes))
    for (const [name, route] of Object.entries(operations) as [string, string][]) {
      const { method, path } = splitRoute(route)
      const endpoint = (contract as unknown as Record<string, Record<string, ApiEndpoint>>)[resource]?.[name]
      if (endpoint === undefined) continue
      const item = (paths[path.replace(/:(\w+)/g, '{$1}')] ??= {})
      item[method === 'WS' ? 'get' : method.toLowerCase()] = describe(endpoint, `${resource}.${name}`)
    }
  const faults = Object.keys(statusOf)
  return {
    openapi: '3.0.3',
    info: { title: 'Berth', version, description: 'The control API of Berth' },
    servers: [{ url: `${server}/api` }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: {
        Fault: {
          description: 'What went wrong, and what to do about it',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Fault' } } },
        },
      },
      schemas: {
        Fault: {
          type: 'object',
          required: ['fault', 'message', 'hint'],
          properties: {
            fault: { type: 'string', enum: faults },
            message: { type: 'string' },
            hint: { type: 'string', nullable: true },
          },
        },
      },
    },
  }
}
