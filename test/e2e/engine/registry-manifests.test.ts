import { expect } from 'chai'
import { readdirSync } from 'node:fs'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { media } from '../../../src/engine/oci/manifest.js'
import { archive } from '../../engine/images/lab.js'
import { must } from '../../run.js'
import { openDocker, oracle, type DockerEngine } from './harness.js'
import { makeImage, openRegistry, rawly, sha256, type Place } from './registry-lab.js'

/** What is special about an image that is put into the registry by hand. */
interface Oddity {
  readonly tag?: string
  readonly architecture?: string
  readonly oci?: boolean
  readonly compression?: 'none' | 'gzip' | 'zstd'
  /** Fields of the layer's descriptor. */
  readonly layer?: object
  readonly diffId?: string
}

describe('what a registry may hold', () => {
  let engine: DockerEngine, registry: Place & { readonly dir: string }, here: string
  before(async () => {
    engine = await openDocker()
    registry = await openRegistry(engine)
    here = await engine.must('version', '-f', '{{.Server.Arch}}')
  })
  after(async () => {
    await registry[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
  })

  const fails = async (...args: string[]) => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, args.join(' ')).to.equal(1)
    return stderr
  }
  const ask = async (path: string) => {
    const args = ['-sg', '--unix-socket', engine.socket, '-w', '\n%{http_code}', `http://docker/v1.41${path}`]
    const [body = '', status] = (await must('curl', args)).split('\n').filter(Boolean)
    return { status: Number(status), body: JSON.parse(body) as Record<string, unknown> }
  }
  const inspect = async (name: string, format: string) => engine.must('image', 'inspect', '-f', format, name)

  /** An image of one layer that holds `text`. */
  const put = async (repository: string, text: string, odd: Oddity = {}) => {
    const { tag, architecture = here, oci = false, compression = 'gzip', layer = {}, diffId } = odd
    const raw = rawly(engine, registry.host, repository)
    const tar = archive([{ name: 'text', content: text }])
    const rootfs = { type: 'layers', diff_ids: [diffId ?? sha256(tar)] }
    const document = { architecture, os: 'linux', config: { Labels: { text } }, rootfs, history: [{ created_by: 'x' }] }
    const config = await raw.blob(JSON.stringify(document))
    const content = await raw.blob(
      compression === 'none' ? tar : compression === 'gzip' ? gzipSync(tar) : await zstd(tar),
    )
    const kind = compression === 'none' ? media.ociLayer : `${media.ociLayer}+${compression}`
    const manifest = await raw.manifest(
      {
        schemaVersion: 2,
        mediaType: oci ? media.ociManifest : media.manifest,
        config: { mediaType: oci ? media.ociConfig : media.config, ...config },
        layers: [{ mediaType: oci ? kind : media.layer, ...content, ...layer }],
      } as { mediaType: string },
      tag,
    )
    return { ...manifest, content: content.digest, platform: { os: 'linux', architecture } }
  }
  const zstd = async (bytes: Buffer) => {
    const file = join(registry.dir, 'layer')
    await writeFile(file, bytes)
    await must('zstd', ['-qf', file])
    return readFile(`${file}.zst`)
  }
  /** A list, or an index, of images for two platforms. */
  const putIndex = async (repository: string, tag: string, mediaType: string) => {
    const oci = mediaType === media.ociIndex
    const other = here === 'riscv64' ? 's390x' : 'riscv64'
    const entries = [
      await put(repository, `${repository} ${other}`, { oci, architecture: other }),
      await put(repository, `${repository} ${here}`, { oci }),
    ]
    const manifests = entries.map(({ digest, size, mediaType: kind, platform }) => ({
      mediaType: kind,
      digest,
      size,
      platform,
    }))
    const raw = rawly(engine, registry.host, repository)
    return { other, ...(await raw.manifest({ schemaVersion: 2, mediaType, manifests } as { mediaType: string }, tag)) }
  }

  it('is an image of Docker’s kind or of OCI’s, its layers compressed or not', async () => {
    const name = `${registry.host}/kinds`
    await put('kinds', 'docker', { tag: 'docker' })
    await put('kinds', 'oci', { tag: 'oci', oci: true })
    await put('kinds', 'plain', { tag: 'plain', oci: true, compression: 'none' })
    for (const tag of ['docker', 'oci', 'plain']) {
      await engine.must('pull', '-q', `${name}:${tag}`)
      expect(await inspect(`${name}:${tag}`, '{{.Config.Labels.text}}')).to.equal(tag)
      expect(await textIn(`${name}:${tag}`)).to.equal(tag)
    }
  })

  it('is compressed with zstd', async function () {
    if (oracle) this.skip() // dockerd has it from 23 on
    await put('kinds', 'zstd', { tag: 'zstd', oci: true, compression: 'zstd' })
    await engine.must('pull', '-q', `${registry.host}/kinds:zstd`)
    expect(await textIn(`${registry.host}/kinds:zstd`)).to.equal('zstd')
  })

  /** What the image's file says, by building upon it: these images hold no program. */
  const textIn = async (image: string) => {
    const input = `FROM debian:bookworm-slim\nCOPY --from=${image} /text /text\nCMD ["cat", "/text"]\n`
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: engine.dir,
      DOCKER_BUILDKIT: '0',
    }
    const { code, stderr } = await engine.with({ input, env }, 'build', '-qt', 'reader', '-')
    expect(code, stderr).to.equal(0)
    return engine.must('run', '--rm', 'reader')
  }

  for (const mediaType of [media.list, media.ociIndex])
    it(`is for several platforms: ${mediaType}`, async () => {
      const repository = mediaType === media.list ? 'list' : 'index'
      const { other, digest } = await putIndex(repository, 'all', mediaType)
      const name = `${registry.host}/${repository}:all`
      expect(await engine.must('pull', name)).to.include(`Digest: ${digest}`)
      expect(await inspect(name, '{{.Architecture}} {{.Config.Labels.text}}')).to.equal(`${here} ${repository} ${here}`)
      expect(await inspect(name, '{{json .RepoDigests}}')).to.equal(`["${registry.host}/${repository}@${digest}"]`)
      await engine.must('pull', '-q', '--platform', `linux/${other}`, name)
      expect(await inspect(name, '{{.Architecture}} {{.Config.Labels.text}}')).to.equal(
        `${other} ${repository} ${other}`,
      )
      expect(await fails('pull', '--platform', 'linux/mips64le', name)).to.include(
        'no matching manifest for linux/mips64le in the manifest list entries',
      )
      expect(await fails('pull', '--platform', 'what/is/this/now', name)).to.match(
        /invalid component|cannot parse platform/,
      )
      const { body } = await ask(`/distribution/${registry.host}/${repository}:all/json`)
      expect(body).to.have.nested.property('Descriptor.digest', digest)
      expect(body).to.have.nested.property('Descriptor.mediaType', mediaType)
      expect((body.Platforms as { architecture: string }[]).map(({ architecture }) => architecture)).to.deep.equal([
        other,
        here,
      ])
    })

  it('is for one platform, and another is warned of', async () => {
    await put('single', 'single', { tag: '1' })
    const name = `${registry.host}/single:1`
    const said = await engine.must('pull', '--platform', 'linux/mips64le', name)
    if (!oracle)
      expect(said).to.include(
        `WARNING: image with reference ${name} was found but does not match the specified platform: wanted linux/mips64le, actual: linux/${here}`,
      )
    await engine.must('pull', '-q', '--platform', `linux/${here}`, name)
    const { body } = await ask(`/distribution/${name}/json`)
    expect(body)
      .to.have.property('Platforms')
      .that.deep.equals([{ architecture: here, os: 'linux' }])
    const insecure = ['manifest', 'inspect', '--insecure', name]
    const { stdout } = await engine.run(process.env.DOCKER ?? 'docker', insecure)
    expect(JSON.parse(stdout)).to.have.property('mediaType', media.manifest)
  })

  it('is named by its digest', async () => {
    const { digest } = await put('digests', 'by digest', { tag: 'named' })
    const name = `${registry.host}/digests@${digest}`
    const pulled = await engine.must('pull', name)
    expect(pulled).to.include(`Digest: ${digest}`).and.include(`Downloaded newer image for ${name}`)
    expect(await inspect(name, '{{json .RepoTags}} {{json .RepoDigests}}')).to.equal(`[] ["${name}"]`)
    expect(await engine.must('images', '--digests', `${registry.host}/digests`)).to.match(
      new RegExp(`digests +<none> +${digest}`),
    )
    expect(await engine.must('pull', name)).to.include(`Image is up to date for ${name}`)
    expect(await engine.must('rmi', name))
      .to.include(`Untagged: ${name}`)
      .and.include('Deleted: sha256:')
    const unknown = `sha256:${'0'.repeat(64)}`
    expect(await fails('pull', `${registry.host}/digests@${unknown}`)).to.include('manifest unknown')
  })

  it('is every tag of a repository', async () => {
    for (const tag of ['a', 'b', 'c']) await put('every', tag, { tag })
    const name = `${registry.host}/every`
    const said = await engine.must('pull', '-a', name)
    expect(said).to.include(`Downloaded newer image for ${name}`)
    expect((await engine.must('images', '--format', '{{.Tag}}', name)).split('\n').sort()).to.deep.equal([
      'a',
      'b',
      'c',
    ])
    await makeImage(engine, `${name}:d`, 'd')
    await engine.must('push', '-aq', name)
    const { stdout } = await engine.run('skopeo', ['list-tags', '--tls-verify=false', `docker://${name}`])
    const { Tags } = JSON.parse(stdout) as { Tags: string[] }
    expect(Tags.sort()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('is read by another client, and what that one pushes is read here', async () => {
    const name = `${registry.host}/skopeo`
    const id = await makeImage(engine, `${name}:1`, 'for skopeo')
    await engine.must('push', '-q', `${name}:1`)
    const copy = ['copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${name}:1`]
    for (const [kind, tag] of [
      ['v2s2', '2'],
      ['oci', '3'],
    ] as const) {
      const { code, stderr } = await engine.run('skopeo', [...copy, '-f', kind, `docker://${name}:${tag}`])
      expect(code, stderr).to.equal(0)
      await engine.must('pull', '-q', `${name}:${tag}`)
      expect(await inspect(`${name}:${tag}`, '{{json .RootFS.Layers}}')).to.equal(
        await inspect(id, '{{json .RootFS.Layers}}'),
      )
    }
  })

  it('is not there, or nobody answers', async () => {
    await put('is', 'is', { tag: '1' })
    expect(await fails('pull', `${registry.host}/is:no`)).to.include(
      `manifest for ${registry.host}/is:no not found: manifest unknown: manifest unknown`,
    )
    expect(await fails('pull', `${registry.host}/never`)).to.match(
      /manifest for .*\/never:latest not found: manifest unknown|repository .*\/never not found: name unknown/,
    )
    expect(await fails('push', `${registry.host}/none`)).to.include('does not exist locally with the tag')
    await makeImage(engine, `${registry.host}/some:1`, 'some')
    expect(await fails('push', `${registry.host}/some:2`)).to.include(`tag does not exist: ${registry.host}/some:2`)
    expect(await fails('pull', '127.0.0.1:5/x:1')).to.include(
      'Get "http://127.0.0.1:5/v2/": dial tcp 127.0.0.1:5: connect: connection refused',
    )
    expect((await ask(`/distribution/${registry.host}/is:no/json`)).status).to.equal(404)
  })

  describe('that is not what it says', () => {
    const refused = async (repository: string, words: RegExp) => {
      const name = `${registry.host}/${repository}:1`
      expect(await fails('pull', name)).to.match(words)
      expect(await fails('image', 'inspect', name)).to.match(/no such image/i)
      if (oracle) return
      expect(readdirSync(join(engine.dir, 'root/images/staging')), 'left behind').to.deep.equal([])
    }
    /** The file a blob is kept in. */
    const stored = (digest: string) => {
      const hex = digest.slice(7)
      return join(registry.dir, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
    }

    it('another layer', async () => {
      const { content } = await put('swapped', 'swapped', { tag: '1' })
      const bytes = await readFile(stored(content))
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1
      await writeFile(stored(content), bytes)
      await refused('swapped', /filesystem layer verification failed for digest|unexpected EOF|corrupt/)
    })

    it('a layer cut off', async () => {
      const { content } = await put('cut', 'cut', { tag: '1' })
      await truncate(stored(content), 40)
      await refused('cut', /filesystem layer verification failed for digest|unexpected EOF/)
    })

    it('a layer of another content than the configuration says', async () => {
      await put('liar', 'liar', { tag: '1', diffId: sha256('something else') })
      await refused('liar', /layers from manifest don't match image configuration/)
    })

    it('a layer of another size', async function () {
      if (oracle) this.skip() // dockerd believes the digest alone
      await put('long', 'long', { tag: '1', layer: { size: 5 } })
      await refused('long', /larger than the 5 bytes its manifest says/)
      await put('short', 'short', { tag: '1', layer: { size: 50_000 } })
      await refused('short', /unexpected EOF/)
    })
  })
})
