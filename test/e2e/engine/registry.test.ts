import { expect } from 'chai'
import { must } from '../../run.js'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'
import { openCounter, openRegistry, type Place } from './registry-lab.js'

describe('a registry', () => {
  let engine: DockerEngine, registry: Place
  before(async () => {
    engine = await openDocker()
    registry = await openRegistry(engine)
  })
  after(async () => {
    await registry[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
  })

  // the oracle is in a network namespace of its own and reaches no registry on the host's loopback
  beforeEach(function () {
    if (oracle) this.skip()
  })

  /** An image of the base and one small layer. */
  const make = async (name: string, text: string) => {
    const id = await engine.must('create', base, 'true')
    await engine.must('rm', id)
    const context = `FROM ${base}\nRUN echo ${text} > /text\nCMD ["cat", "/text"]\n`
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: engine.dir,
      DOCKER_BUILDKIT: '0',
    }
    await must('docker', ['build', '-qt', name, '-'], { env, input: context, timeoutMs: 120_000 })
  }

  it('takes an image and gives it back, the same; only layers that the other side lacks travel', async () => {
    await using counter = await openCounter(registry.host, engine)
    const { count } = counter
    const one = `${counter.host}/me/one`
    await make(`${one}:1`, 'first')
    const pushed = await engine.must('push', `${one}:1`)
    expect(pushed).to.match(/1: digest: sha256:[0-9a-f]{64} size: \d+/)
    const whole = count.up
    expect(whole).to.be.greaterThan(1_000_000)
    const digest = /sha256:[0-9a-f]{64}/.exec(pushed)?.[0] ?? ''
    expect(await engine.must('image', 'inspect', '-f', '{{json .RepoDigests}}', `${one}:1`)).to.equal(
      `["${one}@${digest}"]`,
    )

    count.up = 0
    expect(await engine.must('push', `${one}:1`))
      .to.include('Layer already exists')
      .and.include(digest)
    expect(count.up).to.equal(0)

    await make(`${one}:2`, 'second')
    await engine.must('push', `${one}:2`)
    expect(count.up).to.be.lessThan(10_000).and.greaterThan(0)

    count.up = 0
    await engine.must('tag', `${one}:1`, `${counter.host}/me/two:1`)
    expect(await engine.must('push', `${counter.host}/me/two:1`)).to.include('Mounted from me/one')
    expect(count.up).to.be.lessThan(10_000)

    const id = await engine.must('image', 'inspect', '-f', '{{.Id}}', `${one}:1`)
    await engine.must('rmi', `${one}:1`, `${counter.host}/me/two:1`)
    count.down = 0
    expect(await engine.must('pull', `${one}:1`))
      .to.include('Already exists')
      .and.include(`Digest: ${digest}`)
    expect(count.down).to.be.lessThan(20_000)
    expect(await engine.must('image', 'inspect', '-f', '{{.Id}}', `${one}:1`)).to.equal(id)
    expect(await engine.must('pull', `${one}:1`)).to.include(`Status: Image is up to date for ${one}:1`)
    expect(await engine.must('run', '--rm', `${one}@${digest}`)).to.equal('first')
    expect(await engine.must('images', '--digests', one)).to.include(digest)
    expect(await engine.must('pull', '-aq', one)).to.include(one)
  })

  it('is read by skopeo, and what skopeo pushes as OCI and zstd is pulled', async () => {
    const name = `${registry.host}/me/read`
    await make(`${name}:1`, 'read')
    await engine.must('push', `${name}:1`)
    const seen = JSON.parse(await must('skopeo', ['inspect', '--tls-verify=false', `docker://${name}:1`])) as {
      Layers: string[]
    }
    expect(seen.Layers).to.have.length(2)
    const copy = ['copy', '--src-tls-verify=false', '--dest-tls-verify=false', '-f', 'oci']
    const options = { timeoutMs: 120_000 }
    await must(
      'skopeo',
      [...copy, '--dest-compress-format', 'zstd', `docker://${name}:1`, `docker://${name}:oci`],
      options,
    )
    await must('skopeo', [...copy, `docker://${name}:1`, `dir:${engine.dir}/copy`], options)
    const zstd = ['--dest-compress', '--dest-compress-format', 'zstd', '--dest-decompress=false']
    await must(
      'skopeo',
      [
        'copy',
        '--dest-tls-verify=false',
        '-f',
        'oci',
        ...zstd.slice(0, 3),
        `dir:${engine.dir}/copy`,
        `docker://${registry.host}/me/zstd:1`,
      ],
      options,
    )
    await engine.must('rmi', `${name}:1`)
    for (const image of [`${name}:oci`, `${registry.host}/me/zstd:1`])
      expect(await engine.must('run', '--rm', '--pull', 'always', '-q', image)).to.equal('read')
  })

  it('says what is not there in Docker’s words', async () => {
    await make(`${registry.host}/me/is:1`, 'is')
    await engine.must('push', `${registry.host}/me/is:1`)
    const fails = async (...args: string[]) => {
      const { code, stderr } = await engine.docker(...args)
      expect(code, args.join(' ')).to.equal(1)
      return stderr
    }
    expect(await fails('pull', `${registry.host}/me/is:no`)).to.include(
      `manifest for ${registry.host}/me/is:no not found: manifest unknown: manifest unknown`,
    )
    expect(await fails('push', `${registry.host}/me/none`)).to.include('does not exist locally with the tag')
    expect(await fails('pull', '127.0.0.1:5/x:1')).to.include(
      'Get "http://127.0.0.1:5/v2/": dial tcp 127.0.0.1:5: connect: connection refused',
    )
  })
})
