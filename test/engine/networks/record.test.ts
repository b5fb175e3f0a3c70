import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NetworkRecords } from '../../../src/engine/networks/record.js'

describe('the records of networks', () => {
  it('leave out a damaged one, and keep no engine from starting', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-networks-'))
    try {
      const id = 'a'.repeat(64)
      await writeFile(join(directory, `${id}.json`), JSON.stringify({ id, name: 'whole' }))
      await writeFile(join(directory, `${'b'.repeat(64)}.json`), '{"id":')
      expect(await new NetworkRecords(directory).load()).to.deep.equal([{ id, name: 'whole' }])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
