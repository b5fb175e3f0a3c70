import { expect } from 'chai'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'
import { openCounted, type Count, type Place } from './registry-lab.js'

describe('what travels to and from a registry', () => {
  let engine: DockerEngine, registry: Place & { readonly count: Count }, count: Count, one: string, two: string
  /** Bytes of the base's layer and of all that a first push takes. */
  let whole: number
  const lit = { layer: 300_000, talk: 30_000 }

  before(async () => {
    engine = await openDocker()
    registry = await openCounted(engine)
    count = registry.count
    one = `${registry.host}/me/one`
    two = `${registry.host}/me/two`
  })
  after(async () => {
    await registry[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
  })

  /** An image of the base and a layer of so many random bytes, which do not compress. */
  const make = async (name: string, bytes: number) => {
    const script = `RUN head -c ${bytes} /dev/urandom > /noise && echo ${name} > /text`
    const input = `FROM ${base}\n${script}\nCMD ["cat", "/text"]\n`
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: engine.dir,
      DOCKER_BUILDKIT: '0',
    }
    const { code, stderr } = await engine.with({ input, env, timeoutMs: 120_000 }, 'build', '-qt', name, '-')
    expect(code, stderr).to.equal(0)
  }
  const digestIn = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? ''
  const idOf = (name: string) => engine.must('image', 'inspect', '-f', '{{.Id}}', name)

  /** Images, and what the build cache keeps of them. */
  const forget = async (...images: string[]) => {
    await engine.must('rmi', ...images)
    await engine.must('builder', 'prune', '-af')
  }

  it('a first push is everything', async () => {
    await make(`${one}:1`, lit.layer)
    const pushed = await engine.must('push', `${one}:1`)
    expect(pushed).to.match(/1: digest: sha256:[0-9a-f]{64} size: \d+/)
    whole = count.wire().up
    expect(whole).to.be.greaterThan(5_000_000)
    const digests = await engine.must('image', 'inspect', '-f', '{{json .RepoDigests}}', `${one}:1`)
    expect(digests).to.equal(`["${one}@${digestIn(pushed)}"]`)
  })

  it('a second push of the same is nothing', async () => {
    const before = digestIn(await engine.must('image', 'inspect', '-f', '{{json .RepoDigests}}', `${one}:1`))
    count.up = 0
    expect(await engine.must('push', `${one}:1`))
      .to.include('Layer already exists')
      .and.include(before)
    expect(count.up).to.equal(0)
    expect(count.wire().up).to.be.lessThan(lit.talk)
  })

  it('a push with another top layer is that layer', async () => {
    await make(`${one}:2`, lit.layer)
    await engine.must('push', `${one}:2`)
    expect(count.wire().up).to.be.within(lit.layer, lit.layer + lit.talk)
  })

  it('a push to another repository is no blob: they are mounted', async () => {
    await engine.must('tag', `${one}:1`, `${two}:1`)
    count.up = 0
    expect(await engine.must('push', `${two}:1`)).to.include('Mounted from me/one')
    // dockerd sends the configuration, of a few kilobytes, again
    expect(count.up).to.be.lessThan(10_000)
    expect(count.wire().up).to.be.lessThan(lit.talk)
    expect(count.asked.filter((line) => line.startsWith('POST') && line.includes('mount='))).to.have.length(2)
  })

  it('a pull is what is not here', async () => {
    const id = await idOf(`${one}:1`)
    const digest = digestIn(await engine.must('image', 'inspect', '-f', '{{json .RepoDigests}}', `${one}:1`))
    await forget(`${one}:1`, `${two}:1`)
    count.wire()
    expect(await engine.must('pull', `${one}:1`))
      .to.include('Already exists')
      .and.include('Pull complete')
      .and.include(`Digest: ${digest}`)
      .and.include(`Status: Downloaded newer image for ${one}:1`)
    expect(count.wire().down).to.be.within(lit.layer, lit.layer + lit.talk)
    expect(await idOf(`${one}:1`)).to.equal(id)
  })

  it('a pull of what is here is no blob', async () => {
    count.down = 0
    expect(await engine.must('pull', `${one}:1`)).to.include(`Status: Image is up to date for ${one}:1`)
    expect(count.down).to.equal(0)
    await engine.must('tag', `${one}:1`, 'kept')
    await engine.must('rmi', `${one}:1`)
    await engine.must('pull', `${one}:1`)
    expect(count.down).to.equal(0)
    await engine.must('rmi', 'kept')
  })

  it('a pull onto nothing is everything once, however many want it at once', async function () {
    if (oracle) this.skip() // the base, imported there, is what all other tests of this file stand on
    await forget('-f', base, `${one}:1`, `${one}:2`)
    count.wire()
    await Promise.all([engine.must('pull', `${one}:1`), engine.must('pull', `${two}:1`)])
    expect(count.wire().down).to.be.within(whole - lit.talk, whole + 2 * lit.talk)
    expect(await engine.must('run', '--rm', `${two}:1`)).to.equal(`${one}:1`)
  })
})
