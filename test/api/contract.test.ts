import { expect } from 'chai'
import { createClient } from '../../src/api/client.js'
import { contract } from '../../src/api/contract.js'
import type { ApiEndpoint } from '../../src/api/endpoint.js'
import { routes, splitRoute } from '../../src/api/routes.js'

const operations = Object.entries(contract).flatMap(([resource, all]) =>
  Object.entries(all).map(([name, operation]) => ({
    resource,
    name,
    operation: operation as ApiEndpoint,
    ...splitRoute((routes as unknown as Record<string, Record<string, string>>)[resource]?.[name] ?? ''),
  })),
)

describe('the contract', () => {
  it('gives every operation a place of its own', () => {
    const places = operations.map(({ method, path }) => `${method} ${path}`)
    expect(places).to.not.include(' ')
    expect(new Set(places).size).to.equal(places.length)
  })

  it('describes exactly the names in a path as params', () => {
    for (const { path, operation } of operations)
      expect(Object.keys(operation.params?.shape ?? {}), path).to.have.members(
        [...path.matchAll(/:(\w+)/g)].map(([, name]) => name),
      )
  })

  it('gives no two parts of a request the same name, for the client merges them', () => {
    for (const { path, operation } of operations) {
      const names = [operation.params, operation.query, operation.body].flatMap((part) =>
        Object.keys(part?.shape ?? {}),
      )
      expect(new Set(names).size, path).to.equal(names.length)
    }
  })

  it('ends every stream of lines with a verdict', () => {
    for (const { path, operation } of operations)
      expect(operation.end !== undefined, path).to.equal(operation.stream === 'lines')
  })

  it('has a method of the client for every operation but the socket', () => {
    const client = createClient({ url: 'http://berth.localhost', token: 'x' })
    const methods = Object.entries(client).flatMap(([resource, all]) =>
      Object.keys(all as object).map((name) => `${resource}.${name}`),
    )
    expect(methods).to.have.members(
      operations
        .filter(({ operation }) => operation.stream !== 'socket')
        .map(({ resource, name }) => `${resource}.${name}`),
    )
  })
})
