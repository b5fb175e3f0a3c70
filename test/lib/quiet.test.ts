import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { must, typescript } from '../run.js'

describe('a process that has nothing to do', () => {
  const quiet = fileURLToPath(new URL('../../src/lib/quiet.ts', import.meta.url))
  /** In a process of its own, for all that the test's does counts. @returns whether what nobody holds was collected */
  const program = (worth: number): Promise<string> =>
    must(process.execPath, [
      typescript,
      '--input-type=module',
      '-e',
      `const { collectWhenQuiet } = await import(${JSON.stringify(quiet)})
      const left = new WeakRef({ big: Array.from({ length: 1000 }, String) })
      for (const until = Date.now() + 50; Date.now() < until;);
      collectWhenQuiet(20, ${worth})
      let looks = 0
      const timer = setInterval(() => {
        if (left.deref() !== undefined && ++looks < ${worth === Infinity ? 25 : 1000}) return
        console.log(left.deref() === undefined)
        clearInterval(timer)
      }, 20)`,
    ])

  it('collects what its work has left', async () => {
    expect(await program(1)).to.equal('true')
  })

  it('does not collect again and again where it has done nothing since', async () => {
    expect(await program(Infinity)).to.equal('false')
  })
})
