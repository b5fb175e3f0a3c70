import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { binaries, sourceHash } from '../../../src/scheduler/init/binaries.js'

describe('the init of containers', () => {
  it('is compiled from the source that is here', async () => {
    const source = await readFile(new URL('../../../src/scheduler/init/init.c', import.meta.url))
    expect(createHash('sha256').update(source).digest('hex'), 'run `npm run init`').to.equal(sourceHash)
  })

  for (const [machine, number] of [
    ['x86_64', 62],
    ['aarch64', 183],
  ] as const)
    it(`is a static ELF program for ${machine}`, () => {
      const program = Buffer.from(binaries[machine]?.join('') ?? '', 'base64')
      expect(program.subarray(0, 4).toString('latin1')).to.equal('\x7fELF')
      // e_type EXEC and e_machine, elf(5); no PT_INTERP (3) among its program headers
      expect([program.readUInt16LE(16), program.readUInt16LE(18)]).to.deep.equal([2, number])
      const types = Array.from({ length: program.readUInt16LE(56) }, (_, i) => program.readUInt32LE(64 + 56 * i))
      expect(types).to.not.include(3)
    })
})
