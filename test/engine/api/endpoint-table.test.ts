import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { servedEndpoints } from '../../../src/engine/api/endpoint-table.js'
import { unserved } from '../../../src/engine/api/unserved.js'

describe('the endpoints', () => {
  it('of Docker’s API are each served, or said not to be, and no other is', async () => {
    const all = (await readFile(new URL('fixtures/api-1.47.txt', import.meta.url), 'utf8')).trim().split('\n')
    all.push('DELETE /containers/{id}/{alias}') // `rm --link`: to Docker's routes the name of a link is an id
    const named = [...servedEndpoints().keys(), ...unserved.flatMap(({ endpoints }) => endpoints)]
    expect(named.sort()).to.deep.equal(all.sort())
  })
})
