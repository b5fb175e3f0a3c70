import { must } from '../../run.js'
import type { Instance } from '../instance.js'

/** Containers and build steps of an instance that reach nobody. */
export interface NetworkCut extends AsyncDisposable {
  /** How many packets have begun something since then: a name looked up, a connection tried. */
  asked(): Promise<number>
}

/** Drops what anything of an instance begins on the network, be it to the host; answers to the router still come. */
export async function cutNetwork({ config }: Instance): Promise<NetworkCut> {
  const table = `cut_${config.name}`
  const chain = (hook: string) => `chain ${hook} {
    type filter hook ${hook} priority -10
    ip saddr ${config.pool} ct state new counter name asked drop
  }`
  const rules = `table inet ${table} {
  counter asked { }
  ${chain('input')}
  ${chain('forward')}
}
`
  await must('nft', ['-f', '-'], { input: rules })
  return {
    asked: async () => {
      const listed = await must('nft', ['list', 'counter', 'inet', table, 'asked'])
      return Number(/packets (\d+)/.exec(listed)?.[1] ?? NaN)
    },
    [Symbol.asyncDispose]: async () => {
      await must('nft', ['delete', 'table', 'inet', table])
    },
  }
}
