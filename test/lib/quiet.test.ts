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
      collectWhenQuiet({ every: 20, worth: ${worth} })
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

  for (const [what, keepsCode] of [
    ['forgets what was compiled and has not been called since', false],
    ['keeps it where it is told to', true],
  ] as const)
    it(what, async () => {
      // of V8's runtime-functions.h: it would have to be compiled to be called
      const isLazy = 1 << 18
      const said = await must(process.execPath, [
        ...[typescript, '--allow-natives-syntax', '--input-type=module', '-e'],
        `const { collectWhenQuiet } = await import(${JSON.stringify(quiet)})
        const left = new WeakRef({ big: Array.from({ length: 1000 }, String) })
        const seldom = (n) => n + 1
        seldom(1)
        const before = %GetOptimizationStatus(seldom)
        collectWhenQuiet({ every: 20, worth: 1, keepsCode: ${keepsCode} })
        const timer = setInterval(() => {
          if (left.deref() !== undefined) return
          console.log(before, %GetOptimizationStatus(seldom))
          clearInterval(timer)
        }, 20)`,
      ])
      const [before, after] = said.split(' ').map((status) => (Number(status) & isLazy) !== 0)
      expect({ before, after }).to.deep.equal({ before: false, after: !keepsCode })
    })
})
