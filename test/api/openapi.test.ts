import { expect } from 'chai'
import { contract } from '../../src/api/contract.js'
import type { ApiEndpoint } from '../../src/api/endpoint.js'
import { openapi } from '../../src/api/openapi.js'
import { routes, splitRoute } from '../../src/api/routes.js'

interface Described {
  operationId: string
  parameters: { name: string; in: string; required: boolean }[]
  requestBody?: object
  security?: object[]
  responses: Record<string, { content?: Record<string, unknown> } | undefined>
}

const { paths, components } = openapi('http://berth.localhost') as {
  paths: Record<string, Record<string, Described>>
  components: object
}
const described = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, one]) => ({ path, method, ...one })),
)
const endpoints = Object.entries(contract).flatMap(([resource, all]) =>
  Object.entries(all as Record<string, ApiEndpoint>).map(([name, endpoint]) => {
    const route = (routes as unknown as Record<string, Record<string, string>>)[resource]?.[name] ?? ''
    return { id: `${resource}.${name}`, endpoint, ...splitRoute(route) }
  }),
)
const find = (id: string) => described.find(({ operationId }) => operationId === id)

describe('the OpenAPI document', () => {
  it('has every operation, at its place', () => {
    expect(described.map(({ operationId, method, path }) => `${operationId}: ${method} ${path}`)).to.have.members(
      endpoints.map(({ id, method, path }) => {
        const verb = method === 'WS' ? 'get' : method.toLowerCase()
        return `${id}: ${verb} ${path.replace(/:(\w+)/g, '{$1}')}`
      }),
    )
  })

  it('says what an operation takes', () => {
    expect(find('config.change')?.parameters.map(({ name }) => name)).to.deep.equal(['app'])
    expect(JSON.stringify(find('config.change')?.requestBody)).to.include('"additionalProperties":false')
    expect(find('processes.logs')?.parameters).to.deep.include.members([
      {
        ...{ name: 'lines', in: 'query', required: false, description: 'how many of the newest' },
        schema: { default: 100, type: 'integer', minimum: 0, maximum: 10_000 },
      },
    ])
    for (const { path, parameters } of described)
      expect(
        parameters.filter((one) => one.in === 'path').map(({ name, required }) => `{${name}} ${required}`),
        path,
      ).to.have.members([...path.matchAll(/\{\w+\}/g)].map(([name]) => `${name} true`))
  })

  it('says what an operation answers, and how', () => {
    const mediaOf = (id: string, status: number) => {
      const answer = find(id)?.responses[status]
      return Object.keys(answer?.content ?? {})
    }
    expect(mediaOf('apps.create', 201)).to.deep.equal(['application/json'])
    expect(mediaOf('config.change', 202)).to.deep.equal(['application/json'])
    expect(mediaOf('builds.output', 200)).to.deep.equal(['text/plain'])
    expect(mediaOf('processes.logs', 200)).to.deep.equal(['application/x-ndjson'])
    expect(Object.keys(find('processes.run')?.responses ?? {})).to.deep.equal(['101', 'default'])
    expect(JSON.stringify(find('operations.log')?.responses)).to.include('"required":["end"]')
  })

  it('asks for a token everywhere but where the contract does not', () => {
    const open = described.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId)
    expect(open).to.deep.equal(endpoints.filter(({ endpoint }) => endpoint.needs === 'nothing').map(({ id }) => id))
  })

  it('refers to nothing that it does not have', () => {
    const text = JSON.stringify({ paths, components })
    for (const [, reference = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g))
      expect({ paths, components }, reference).to.have.nested.property(reference.replaceAll('/', '.'))
    expect(text).to.not.match(/"\$schema"|"\$defs"/)
  })
})
