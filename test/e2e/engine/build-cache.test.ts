import { expect } from 'chai'
import { request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { openBuilderLab, succeeded, type BuilderLab } from './builder-lab.js'
import { eventually, oracle } from './harness.js'

const base = 'FROM debian:bookworm-slim\n'
const mebibyte = (name: string, n = 1) => `RUN head -c ${String(n << 20)} /dev/urandom > /${name}\n`

interface Item {
  ID: string
  Type: string
  Size: number
  Shared: boolean
  InUse: boolean
  Description: string
  UsageCount: number
}

describe('the build cache', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab({ flags: ['--build-cache', '5'] })))
  after(() => lab[Symbol.asyncDispose]())

  const call = <T>(method: string, path: string): Promise<T> =>
    new Promise((resolve, reject) => {
      request({ socketPath: lab.socket, path, method }, (response) => {
        json(response).then((value) => resolve(value as T), reject)
      })
        .on('error', reject)
        .end()
    })
  const items = async () => (await call<{ BuildCache: Item[] }>('GET', '/system/df?type=build-cache')).BuildCache
  const prune = (query: string) =>
    call<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>('POST', `/build/prune?${query}`)
  /** A build whose image is never made, so that only the cache has its layers. */
  const half = (dockerfile: string) => lab.buildkit({ Dockerfile: `${base}${dockerfile}RUN false\n` })
  const filters = (map: object) => `filters=${encodeURIComponent(JSON.stringify(map))}`

  /** What a layer of one file of a mebibyte takes: with its directory and its record on the disk, which dockerd leaves out. */
  const isMebibyte = (bytes: number): boolean =>
    oracle ? bytes === 1 << 20 : bytes > 1 << 20 && bytes <= (1 << 20) + (8 << 10)

  beforeEach(() => prune('all=1'))

  it('tells what it holds, and what of it images share', async () => {
    await half(mebibyte('a'))
    succeeded(await lab.buildkit({ Dockerfile: base + mebibyte('kept') }, '-t', 'kept'))
    await half('RUN --mount=type=cache,id=c,target=/c head -c 1000000 /dev/zero > /c/x\n')
    const all = await items()
    const layer = all.find(({ Description }) => Description.includes('/a'))
    expect(layer).to.include({ Type: 'regular', Shared: false, InUse: false })
    expect(layer?.Size).to.satisfy(isMebibyte)
    expect(all.find(({ Description }) => Description.includes('/kept'))).to.include({ Shared: true })
    const mount = all.find(({ Type }) => Type === 'exec.cachemount')
    expect(mount?.Size).to.be.within(1_000_000, 1_020_000)
    const { stdout } = await lab.docker('system', 'df', '-v')
    expect(stdout).to.include('exec.cachemount')
  })

  it('keeps its layers when the image goes, and counts them as its own', async function () {
    if (oracle) this.skip() // dockerd's classic builder has no cache but the images themselves
    const dockerfile = { Dockerfile: base + mebibyte('stays') }
    await lab.build(dockerfile, '-t', 'goes')
    expect((await lab.docker('rmi', 'goes')).stdout).to.match(/^Untagged: goes:latest\nDeleted: sha256:\w+\n$/)
    const layer = (await items()).find(({ Description }) => Description.includes('/stays'))
    expect(layer).to.include({ Shared: false })
    expect(layer?.Size).to.satisfy(isMebibyte)
    expect((await lab.build(dockerfile)).stdout).to.include('Using cache')
    expect(await prune('all=1')).to.deep.include({ CachesDeleted: [layer?.ID] })
    expect((await lab.build(dockerfile)).stdout).to.not.include('Using cache')
  })

  it('is pruned by age, by name, by kind and down to a size, and says so truly', async () => {
    await half(mebibyte('a'))
    await half(mebibyte('b'))
    const [a, b] = (await items()).filter(({ Size }) => isMebibyte(Size))
    expect(await prune(filters({ until: ['1h'] }))).to.deep.equal({ CachesDeleted: null, SpaceReclaimed: 0 })
    expect(await prune(filters({ type: ['exec.cachemount'] }))).to.include({ SpaceReclaimed: 0 })
    if (!oracle) expect(await prune(filters({ label: ['x=y'] }))).to.include({ SpaceReclaimed: 0 }) // it passes over labels
    const first = await prune(filters({ id: [b?.ID] }))
    expect(first.CachesDeleted).to.deep.equal([b?.ID])
    expect(first.SpaceReclaimed).to.satisfy(isMebibyte)
    expect(await prune(`keep-storage=${String(2 << 20)}`)).to.include({ SpaceReclaimed: 0 })
    const { stdout } = await lab.docker('builder', 'prune', '-f')
    expect(stdout).to.include(a?.ID)
    expect(stdout).to.match(oracle ? /Total reclaimed space: 1\.049MB/ : /Total reclaimed space: 1\.05[0-7]MB/)
    expect((await items()).filter(({ Shared }) => !Shared)).to.deep.equal([])
  })

  it('refuses filters that mean nothing', async () => {
    const message = async (query: string) => (await prune(query)) as unknown as { message: string }
    expect((await message(filters({ until: ['soon'] }))).message).to.include('duration')
    expect((await message(filters({ nonsense: ['1'] }))).message).to.match(/invalid filter 'nonsense'$/i)
    expect((await message('keep-storage=x')).message).to.include('keep-storage')
  })

  it('keeps to its budget, the longest unused going first', async function () {
    if (oracle) this.skip() // dockerd takes the budget from its daemon.json alone
    await half(mebibyte('a', 2))
    await half(mebibyte('b', 2))
    await half(mebibyte('a', 2)) // used again
    await half(mebibyte('c', 2))
    const names = async () => (await items()).map(({ Description }) => /> \/([abc])$/.exec(Description)?.[1] ?? '')
    await eventually(async () => !(await names()).includes('b'), 'the eviction')
    expect(await names()).to.include.members(['a', 'c'])
  })

  it('takes the steps of an image that is named, even one that came from elsewhere', async () => {
    const archive = join(lab.dir, 'source.tar')
    const dockerfile = { Dockerfile: `${base}RUN date +%N > /when\n` }
    await lab.build(dockerfile, '-t', 'source')
    await lab.must('save', '-o', archive, 'source')
    await lab.must('rmi', 'source')
    await prune('all=1')
    await lab.must('load', '-i', archive)
    const { stdout } = await lab.build(dockerfile, '-t', 'built', '--cache-from', 'source')
    expect(stdout).to.include('Using cache')
    if (oracle) return // it believes them from then on
    expect((await lab.build(dockerfile)).stdout).to.not.include('Using cache')
  })
})
