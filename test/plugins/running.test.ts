import { expect } from 'chai'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createLog } from '../../src/log.js'
import { RunningPlugins } from '../../src/plugins/running.js'
import { run } from '../run.js'
import { module, pluginRig, type PluginRig } from './rig.js'

describe('the plugins of a process', () => {
  let rig: PluginRig
  let lines: string[]
  let plugins: RunningPlugins
  beforeEach(async () => {
    rig = await pluginRig()
    lines = []
    const log = createLog('test', { level: 'info', write: (line) => void lines.push(line) })
    plugins = new RunningPlugins({ config: rig.rig.config, store: rig.rig.store, log, kinds: ['dns'], patience: 500 })
  })
  afterEach(async () => {
    await plugins[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  const names = async (): Promise<string[]> => (await plugins.running('dns')).map(({ name }) => name)
  const why = async (name: string): Promise<string | null | undefined> =>
    (await rig.rig.store.plugins.states()).get(name)?.why

  it('are started once, with their settings as their schema reads them, and stopped', async () => {
    const more = `settings: z.strictObject({ ttl: z.coerce.number().default(60), word: z.string() }),`
    const start = `globalThis.seen = { ...host.settings, starts: (globalThis.seen?.starts ?? 0) + 1, signal: host.signal }; return {}`
    await rig.add('a', module('a', start, more), { settings: { ttl: '5', word: 'x' } })
    expect(await names()).to.deep.equal(['a'])
    expect(await names()).to.deep.equal(['a'])
    const { seen } = globalThis as unknown as { seen: { ttl: number; starts: number; signal: AbortSignal } }
    expect(seen).to.include({ ttl: 5, word: 'x', starts: 1 })
    await rig.rig.store.plugins.update('a', () => ({ enabled: false }))
    expect(await names()).to.deep.equal([])
    expect(seen.signal.aborted).to.equal(true)
  })

  it('are started anew when one is set', async () => {
    const more = `settings: z.strictObject({ word: z.string().default('a') }),`
    await rig.add('a', module('a', `return { word: host.settings.word }`, more))
    expect(await plugins.running('dns')).to.deep.include({ name: 'a', instance: { word: 'a' } })
    await rig.rig.store.plugins.update('a', () => ({ settings: { word: 'b' } }))
    expect(await plugins.running('dns')).to.deep.include({ name: 'a', instance: { word: 'b' } })
  })

  it('load no code of a kind that nothing is asked of', async () => {
    await rig.add('hooked', `throw new Error('loaded')`, { kind: 'hook' })
    expect(await names()).to.deep.equal([])
    expect(lines).to.deep.equal([])
  })

  it('are in the order of what they require, and stop in the other', async () => {
    const start = (name: string): string =>
      `globalThis.order.push('${name}'); return { async [Symbol.asyncDispose]() { globalThis.order.push('end ${name}') } }`
    const order: string[] = []
    Object.assign(globalThis, { order })
    await rig.add('a', module('a', start('a')), { requires: ['b'] })
    await rig.add('b', module('b', start('b')), { requires: ['c'] })
    await rig.add('c', module('c', start('c')))
    expect(await names()).to.deep.equal(['c', 'b', 'a'])
    await plugins[Symbol.asyncDispose]()
    expect(order).to.deep.equal(['c', 'b', 'a', 'end a', 'end b', 'end c'])
  })

  const broken: readonly [what: string, code: string, told: RegExp][] = [
    ['throws on import', `throw new Error('no luck')`, /no luck/],
    ['is no JavaScript', `export const = 1`, /Unexpected token/],
    ['exports nothing', ``, /exports no `plugin`/],
    ['throws at its start', module('bad', `throw new BerthError('invalid', 'wrong zone')`), /wrong zone/],
    ['answers with nothing', module('bad', ``), /answers with nothing/],
    ['never ends its import', `await new Promise(() => {})`, /waited 0.5 s for it to load/],
    ['never ends its start', module('bad', `await new Promise(() => {})`), /waited 0.5 s for it to start/],
    ['is another', module('other', `return {}`), /those of other/],
    ['is set wrongly', module('bad', `return {}`, `settings: z.strictObject({ token: secret() }),`), /token/],
    [
      'has a kind that nobody knows',
      `export const plugin = { kind: 'x', name: 'bad', version: '1.0.0', start() {} }`,
      /knows the kinds/,
    ],
  ]
  for (const [what, code, told] of broken)
    it(`leave out one that ${what}, and say why`, async () => {
      await rig.add('bad', code)
      await rig.add('good', module('good', `return {}`))
      expect(await names()).to.deep.equal(['good'])
      expect(await why('bad')).to.match(told)
      expect(lines.join('')).to.match(/plugin does not start/)
    })

  it('leave out one that requires what does not start', async () => {
    await rig.add('bad', `throw new Error('no luck')`)
    await rig.add('needs', module('needs', `return {}`), { requires: ['bad'] })
    expect(await names()).to.deep.equal([])
    expect(await why('needs')).to.equal('it requires bad, which does not start')
  })

  it('end a process whose thread one keeps, and start that one no more after three', async () => {
    await rig.add('stuck', module('stuck', `for (;;);`))
    await rig.add('good', module('good', `return {}`))
    const { root, run: runDirectory } = rig.rig.config
    const begin = () =>
      run(process.execPath, ['--import=./strip-types.js', fileURLToPath(new URL('worker.ts', import.meta.url))], {
        env: { ...process.env, BERTH_ROOT: root, BERTH_RUN: runDirectory },
      })
    for (let time = 0; time < 3; time += 1) expect((await begin()).stdout).to.equal('')
    expect((await begin()).stdout).to.equal('good\n')
    expect(await why('stuck')).to.match(/started 3 times/)
    expect((await begin()).stdout).to.equal('good\n')
  })

  it('end a process whose thread one keeps later on, and leave that one alone after three', async () => {
    await rig.add(
      'stuck',
      module('stuck', `return { kept: 'x', zones() { for (;;); }, async later() { await null; for (;;); } }`),
    )
    const { root, run: runDirectory } = rig.rig.config
    const begin = (...calls: string[]) =>
      run(
        process.execPath,
        ['--import=./strip-types.js', fileURLToPath(new URL('worker.ts', import.meta.url)), ...calls],
        {
          env: { ...process.env, BERTH_ROOT: root, BERTH_RUN: runDirectory },
        },
      )
    expect((await begin()).stdout, 'nothing is asked of it').to.equal('stuck\n')
    for (const call of ['zones', 'later', 'zones']) {
      const { stdout, code } = await begin(call)
      expect({ stdout, code }, 'it was ended').to.deep.equal({ stdout: 'stuck\n', code: null })
    }
    expect((await begin('zones')).stdout).to.equal('\n')
    expect(await why('stuck')).to.match(/kept the thread of its process 3 times/)
    await rig.rig.store.plugins.update('stuck', () => ({ settings: {} }))
    expect((await begin()).stdout, 'another revision').to.equal('stuck\n')
  })

  it('may take as long as they like where they give the thread back', async () => {
    const start = `return { kept: 'x', zones: () => 'now', later: (ms) => new Promise((done) => setTimeout(done, ms, 'late')) }`
    await rig.add('slow', module('slow', start))
    const [{ instance } = { instance: {} }] = await plugins.running('dns')
    const slow = instance as unknown as { kept: string; zones: () => string; later: (ms: number) => Promise<string> }
    expect([slow.kept, slow.zones(), await slow.later(2500)]).to.deep.equal(['x', 'now', 'late'])
  })

  it('may be frozen, and of a class with fields of its own', async () => {
    const code = `const { C } = { C: class { #word = 'mine'; word = () => this.#word; say() { return this.#word } } }
      return Object.freeze(Object.assign(new C(), { inner: Object.freeze({ zones: () => 'within' }) }))`
    await rig.add('frozen', module('frozen', code))
    const [{ instance } = { instance: {} }] = await plugins.running('dns')
    const frozen = instance as unknown as { say: () => string; word: () => string; inner: { zones: () => string } }
    expect([frozen.say(), frozen.word(), frozen.inner.zones()]).to.deep.equal(['mine', 'mine', 'within'])
  })

  it('get a directory of their own', async () => {
    const start = `const d = await host.directory(); (await import('node:fs')).writeFileSync(d + '/kept', 'x'); return { d }`
    await rig.add('a', module('a', start))
    const [{ instance } = { instance: {} }] = await plugins.running('dns')
    expect(await readFile(`${(instance as unknown as { d: string }).d}/kept`, 'utf8')).to.equal('x')
  })
})
