import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../../run.js'
import { archive, type Entry } from '../../engine/images/lab.js'
import { base, openDocker, oracle, type DockerEngine } from './harness.js'

describe('archives of images, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  let dir: string
  before(async () => {
    engine = await openDocker()
    dir = await mkdtemp(join(tmpdir(), 'berth-archive-'))
    await mkdir(join(dir, 'context'))
    const lines = ['FROM scratch', 'COPY a /a', 'COPY b /b', 'LABEL kept=yes', 'CMD ["/a"]']
    await writeFile(join(dir, 'context/a'), 'first\n')
    await writeFile(join(dir, 'context/b'), 'second\n')
    await writeFile(join(dir, 'context/Dockerfile'), lines.join('\n'))
    await engine.with({ env: classic() }, 'build', '-q', '-t', 'small:1', '-t', 'small:2', join(dir, 'context'))
    await engine.must('save', '-o', path('all.tar'), 'small')
  })
  beforeEach(() => engine.must('load', '-q', '-i', path('all.tar')))
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })
  const classic = () => ({
    ...process.env,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CONFIG: engine.dir,
    DOCKER_BUILDKIT: '0',
  })
  const idOf = (name: string) => engine.must('inspect', '-f', '{{.Id}}', name)
  const path = (name: string) => join(dir, name)
  const json = async <T>(file: string, member: string): Promise<T> =>
    JSON.parse(await must('tar', ['-xOf', path(file), member])) as T
  /** Loads bytes that were made up. */
  const load = async (bytes: Buffer) => engine.with({ input: bytes }, 'load')

  describe('save and load', () => {
    it('gives an image away and takes it back: the same id, name, configuration and files', async () => {
      const id = await idOf('small:1')
      await engine.must('save', '-o', path('one.tar'), 'small:1')
      await engine.must('rmi', 'small:1', 'small:2')
      expect(await engine.must('load', '-i', path('one.tar'))).to.match(/Loaded image: small:1$/)
      expect(await idOf('small:1')).to.equal(id)
      expect((await engine.docker('inspect', 'small:2')).code).to.equal(1)
      expect(await engine.must('inspect', '-f', '{{.Config.Labels.kept}} {{.Config.Cmd}}', 'small:1')).to.equal(
        'yes [/a]',
      )
      await engine.must('create', '--name', 'made', 'small:1')
      await engine.must('export', '-o', path('files.tar'), 'made')
      await engine.must('rm', 'made')
      expect(await must('tar', ['-xOf', path('files.tar'), 'a', 'b'])).to.equal('first\nsecond')
    })

    it('writes standard output, and reads standard input, compressed or not', async () => {
      const id = await idOf('small:1')
      await must('sh', ['-c', `${process.env.DOCKER ?? 'docker'} save small:1 > ${path('out.tar')}`], {
        env: classic(),
      })
      await must('sh', ['-c', `gzip -k ${path('out.tar')}; xz -k ${path('out.tar')}`])
      for (const name of ['out.tar', 'out.tar.gz', 'out.tar.xz']) {
        await engine.must('rmi', 'small:1', 'small:2')
        const { code, stdout } = await load(await readFile(path(name)))
        expect({ code, stdout }, name).to.deep.equal({ code: 0, stdout: 'Loaded image: small:1\n' })
        expect(await idOf('small:1')).to.equal(id)
        await engine.must('load', '-q', '-i', path('all.tar'))
      }
    })

    it('saves several names: all tags of a repository, no name for an id', async () => {
      await engine.must('tag', 'small:1', 'other/name:x')
      const id = await idOf('small:1')
      await engine.must('save', '-o', path('many.tar'), 'small', 'other/name:x')
      const [image, second] = await json<{ RepoTags: string[] | null }[]>('many.tar', 'manifest.json')
      expect(second).to.equal(undefined)
      expect(image?.RepoTags).to.have.members(['small:1', 'small:2', 'other/name:x'])
      const repositories = await json<Record<string, object>>('many.tar', 'repositories')
      expect(repositories).to.have.all.keys('small', 'other/name')
      expect(repositories.small).to.have.all.keys('1', '2')
      await engine.must('rmi', 'other/name:x')
      await engine.must('save', '-o', path('id.tar'), id)
      expect((await json<{ RepoTags: string[] | null }[]>('id.tar', 'manifest.json'))[0]?.RepoTags).to.equal(null)
      await engine.must('rmi', 'small:1', 'small:2')
      expect(await engine.must('load', '-q', '-i', path('id.tar'))).to.equal(`Loaded image ID: ${id}`)
    })

    it('takes a name away from the image that had it, and says so', async () => {
      await engine.must('save', '-o', path('name.tar'), 'small:1')
      const id = await idOf('small:1')
      await engine.must('tag', base, 'small:1')
      const old = await idOf('small:1')
      const said = await engine.must('load', '-i', path('name.tar'))
      expect(said).to.include(`The image small:1 already exists, renaming the old one with ID ${old} to empty string`)
      expect(await idOf('small:1')).to.equal(id)
    })

    it('refuses to save what is not there', async () => {
      const { code, stderr } = await engine.docker('save', '-o', path('none.tar'), 'small:1', 'nosuch:1')
      expect(code).to.equal(1)
      expect(stderr).to.match(/No such image|reference does not exist/)
    })

    it('saves many megabytes with links, owners, times and a hole', async () => {
      const make =
        'head -c 20000000 /dev/urandom > /big; ln /big /hard; ln -s big /soft; chown 7:8 /big; mkfifo /pipe; ' +
        'touch -d 2001-02-03T04:05:06Z /big; truncate -s 5M /hole; rm -r /var/log'
      await engine.must('run', '--name', 'big', base, 'sh', '-c', make)
      await engine.must('commit', 'big', 'big:1')
      await engine.must('rm', 'big')
      const sum = async () =>
        engine.must(
          ...['run', '--rm', 'big:1', 'sh', '-c'],
          'sha256sum /big /hole; stat -c "%h %u:%g %Y" /big; readlink /soft; test -p /pipe && test ! -e /var/log && echo ok',
        )
      const before = [await sum(), await idOf('big:1')]
      expect(before[0]).to.match(/2 7:8 981173106\nbig\nok$/)
      await engine.must('save', '-o', path('big.tar'), 'big:1')
      await engine.must('rmi', 'big:1')
      await engine.must('load', '-i', path('big.tar'))
      expect([await sum(), await idOf('big:1')]).to.deep.equal(before)
      await engine.must('rmi', 'big:1')
    })
  })

  it('imports what a URL leads to, and says where it came from', async function () {
    if (oracle) this.skip() // its network is not the one this test serves on
    const files = archive([{ name: 'here', content: 'served' }])
    const server = createServer((request, response) => {
      if (request.url === '/root.tar') response.end(files)
      else response.writeHead(404).end()
    }).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const site = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
      await engine.must('import', '-c', 'CMD ["/here"]', `http://${site}/root.tar`, 'served:1')
      expect(await engine.must('history', '--format', '{{.Comment}}', 'served:1')).to.equal(
        `Imported from http://${site}/root.tar`,
      )
      const { code, stderr } = await engine.docker('import', `http://${site}/nothing.tar`, 'served:2')
      expect(code).to.equal(1)
      expect(stderr).to.contain('404')
      await engine.must('rmi', 'served:1')
    } finally {
      server.close()
    }
  })

  describe('an archive that lies', () => {
    const layer = archive([{ name: 'x', content: 'x' }])
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    const config = (over: object = {}) =>
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
        ...over,
      })
    const docker = (over: object = {}, entries: Entry[] = [], settings = config()): Buffer =>
      archive([
        { name: 'config.json', content: settings },
        { name: 'layer.tar', content: layer.toString('latin1') },
        ...entries,
        {
          name: 'manifest.json',
          content: JSON.stringify([{ Config: 'config.json', RepoTags: ['made:up'], Layers: ['layer.tar'], ...over }]),
        },
      ])
    /** It is refused, and neither an image nor (on Berth) a layer stays. */
    const refuses = async (bytes: Buffer, words: RegExp) => {
      const before = await engine.must('images', '-aq', '--no-trunc')
      const { code, stdout, stderr } = await load(bytes)
      expect(code, stdout).to.not.equal(0)
      if (!oracle) expect(stdout + stderr).to.match(words)
      expect(await engine.must('images', '-aq', '--no-trunc')).to.equal(before)
    }

    it('is taken when it does not', async () => {
      const { stdout, code } = await load(docker())
      expect({ code, stdout }).to.deep.equal({ code: 0, stdout: 'Loaded image: made:up\n' })
      await engine.must('rmi', 'made:up')
    })

    it('is refused when a layer is not what the configuration says', async () => {
      const other = { rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } }
      await refuses(docker({}, [], config(other)), /layers from manifest don't match/)
      await refuses(docker({ Layers: [] }), /layers length mismatch/)
    })

    it('is refused when paths lead out of it', async () => {
      await refuses(docker({ Config: '../../../../etc/passwd' }), /points out of the archive/)
      await refuses(docker({ Layers: ['/etc/passwd'] }), /has no file "\/etc\/passwd"/)
      await refuses(
        docker({ Layers: ['link/passwd'] }, [{ name: 'link', type: 'symlink', linkname: '../../../../../../../etc' }]),
        /has no file/,
      )
      await refuses(archive([{ name: '../../evil', content: 'x' }]), /points out of the archive/)
    })

    it('is refused when it is no image at all', async () => {
      await refuses(archive([{ name: 'readme', content: 'x' }]), /neither manifest.json nor index.json/)
      await refuses(Buffer.from('not a tar archive'.repeat(100)), /unreadable archive/)
      await refuses(docker({}, [], '{"rootfs":{}}'), /rootfs.diff_ids/)
      await refuses(docker({}, [], config({ os: 'windows' })), /windows/)
      await refuses(docker().subarray(0, 3000), /ends in the middle|neither manifest/)
      if (!oracle) await refuses(docker({ RepoTags: ['UPPER case'] }), /invalid/)
    })
  })
})
