import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { extract } from 'tar-stream'
import type { Config } from '../../../src/config.js'
import type { AppEngine } from '../../../src/scheduler/app-engine.js'
import { binaries } from '../../../src/scheduler/init/binaries.js'
import { initFor } from '../../../src/scheduler/init/init.js'

describe('the init of an app’s containers', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-init-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  const program = (machine: string) => Buffer.from(binaries[machine]?.join('') ?? '', 'base64')
  const engineOf = (info: () => object) => ({ info: () => Promise.resolve().then(info) }) as unknown as AppEngine
  const config = (ownEngine: boolean) => ({ root, ownEngine }) as Config

  for (const machine of ['x86_64', 'aarch64'])
    it(`is mounted from our own files where the engine is ours, for ${machine}`, async () => {
      const { words, host, archive } = await initFor(
        engineOf(() => ({ Architecture: machine })),
        config(true),
      )
      const [source = '', target = '', mode] = host.Binds?.[0]?.split(':') ?? []
      expect([words, mode, archive]).to.deep.equal([[target], 'ro', null])
      expect(readFileSync(source).equals(program(machine))).to.equal(true)
      expect(statSync(source).mode & 0o777).to.equal(0o555)
    })

  it('is written once, and again where it was torn', async () => {
    const made = () =>
      initFor(
        engineOf(() => ({ Architecture: 'x86_64' })),
        config(true),
      )
    const file = (await made()).host.Binds?.[0]?.split(':')[0] ?? ''
    const { ino } = statSync(file)
    await made()
    expect(statSync(file).ino).to.equal(ino)
    await truncate(file, 10)
    await made()
    expect(readFileSync(file).equals(program('x86_64'))).to.equal(true)
    expect(readdirSync(join(root, 'init'))).to.have.length(1)
  })

  it('is sent along where the engine may be another machine’s', async () => {
    const { words, host, archive } = await initFor(
      engineOf(() => ({ Architecture: 'aarch64' })),
      config(false),
    )
    expect(host).to.deep.equal({})
    const found: [string, number | undefined, Buffer][] = []
    for await (const entry of extract().end(archive))
      found.push([
        `/${entry.header.name}`,
        entry.header.mode,
        Buffer.concat((await Array.fromAsync(entry)) as Buffer[]),
      ])
    expect(found).to.deep.equal([[words[0], 0o555, program('aarch64')]])
  })

  for (const [what, info, host] of [
    ['has one', { Architecture: 'riscv64', InitBinary: 'docker-init', InitCommit: { ID: 'de40ad0' } }, { Init: true }],
    [
      'names one that is not installed',
      { Architecture: 'riscv64', InitBinary: 'docker-init', InitCommit: { ID: 'N/A' } },
      {},
    ],
    ['has none', { Architecture: 'riscv64' }, {}],
    ['has a machine of an odd name', { Architecture: 'constructor' }, {}],
  ] as const)
    it(`is the engine’s own for a machine that there is none for, where it ${what}`, async () => {
      expect(
        await initFor(
          engineOf(() => info),
          config(true),
        ),
      ).to.deep.equal({ words: [], host, archive: null })
    })

  it('is asked for once, and again after a failure', async () => {
    let asked = 0
    const engine = engineOf(() => {
      if ((asked += 1) === 1) throw new Error('away')
      return { Architecture: 'x86_64' }
    })
    const first = await initFor(engine, config(true)).catch((error: unknown) => (error as Error).message)
    expect(first).to.equal('away')
    const all = await Promise.all([initFor(engine, config(true)), initFor(engine, config(true))])
    expect([all[0] === all[1], asked]).to.deep.equal([true, 2])
  })
})
