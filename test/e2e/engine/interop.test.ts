import { expect } from 'chai'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, run } from '../../run.js'
import { base, openEngine, oracle, type TestEngine } from './harness.js'
import { openDockerd, type Dockerd } from './oracle.js'

/** Images that leave Berth and come to it, with the tools that others use. */
describe('images of others, and ours with them', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let engine: TestEngine
  let dir: string
  let id: string
  const path = (name: string) => join(dir, name)
  before(async () => {
    engine = await openEngine()
    dir = await mkdtemp(join(tmpdir(), 'berth-interop-'))
    await mkdir(path('context'))
    const lines = [`FROM ${base}`, 'COPY said /said', 'RUN ln /said /again && rm /etc/shells', 'CMD ["cat","/again"]']
    await writeFile(path('context/said'), 'made by berth\n')
    await writeFile(path('context/Dockerfile'), lines.join('\n'))
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: engine.dir,
      DOCKER_BUILDKIT: '0',
    }
    const { code, stderr } = await engine.with({ env }, 'build', '-q', '-t', 'made:1', path('context'))
    expect(code, stderr).to.equal(0)
    id = await engine.must('inspect', '-f', '{{.Id}}', 'made:1')
    await engine.must('save', '-o', path('made.tar'), 'made:1')
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await podman('system', 'reset', '-f')
    await rm(dir, { recursive: true, force: true })
  })
  /** Podman with a store of its own. */
  const podman = (...args: string[]) =>
    must('podman', [
      '--root',
      path('podman'),
      '--runroot',
      path('podman-run'),
      '--storage-driver',
      'overlay',
      '--runtime',
      'runc',
      ...args,
    ])
  const skopeo = (...args: string[]) => must('skopeo', ['--insecure-policy', ...args])
  /** Loads an archive into Berth, where the image is not: it must be the same one. */
  const comesBack = async (archive: string) => {
    await engine.must('rmi', '-f', id)
    const said = await engine.must('load', '-i', archive)
    expect(await engine.must('inspect', '-f', '{{.Id}}', id), said).to.equal(id)
    expect(await engine.must('run', '--rm', id)).to.equal('made by berth')
    await engine.must('tag', id, 'made:1')
  }

  it('runs on Podman, and comes back from it as the same image', async () => {
    expect(await podman('load', '-q', '-i', path('made.tar'))).to.include('made:1')
    expect(await podman('inspect', '-f', '{{.Id}}', 'made:1')).to.equal(id.slice('sha256:'.length))
    const limits = ['--ulimit', 'nofile=20000:20000', '--ulimit', 'nproc=20000:20000']
    const alone = ['--network', 'none']
    expect(await podman('run', '--rm', ...limits, ...alone, 'made:1')).to.equal('made by berth')
    for (const format of ['docker-archive', 'oci-archive']) {
      await podman('save', '-q', '--format', format, '-o', path(`${format}.tar`), 'made:1')
      if (format === 'docker-archive') await comesBack(path(`${format}.tar`))
      else expect(await engine.must('load', '-i', path(`${format}.tar`))).to.match(/Loaded image/)
    }
  })

  it('runs on dockerd, and comes back from it as the same image', async () => {
    const dockerd: Dockerd = await openDockerd()
    const env = { ...process.env, DOCKER_HOST: `unix://${dockerd.socket}`, DOCKER_CONFIG: dockerd.dir }
    try {
      await dockerd.boot()
      expect(await must('docker', ['load', '-i', path('made.tar')], { env })).to.equal('Loaded image: made:1')
      expect(await must('docker', ['inspect', '-f', '{{.Id}}', 'made:1'], { env })).to.equal(id)
      expect(await must('docker', ['run', '--rm', '--network', 'none', 'made:1'], { env })).to.equal('made by berth')
      await must('docker', ['save', '-o', path('dockerd.tar'), 'made:1'], { env })
    } finally {
      await dockerd[Symbol.asyncDispose]()
    }
    await comesBack(path('dockerd.tar'))
  })

  it('is read by skopeo as both kinds of archive, and by umoci and runc', async () => {
    await skopeo('copy', `docker-archive:${path('made.tar')}`, `oci:${path('layout')}:made`)
    await skopeo('copy', `oci-archive:${path('made.tar')}`, `dir:${path('as-oci')}`)
    const manifest = JSON.parse(await readFile(path('as-oci/manifest.json'), 'utf8')) as { config: { digest: string } }
    expect(manifest.config.digest).to.equal(id)
    await must('umoci', ['unpack', '--image', `${path('layout')}:made`, path('bundle')])
    expect(await readFile(path('bundle/rootfs/again'), 'utf8')).to.equal('made by berth\n')
    expect((await run('test', ['-e', path('bundle/rootfs/etc/shells')])).code).to.equal(1)
    const config = JSON.parse(await readFile(path('bundle/config.json'), 'utf8')) as {
      process: { terminal: boolean }
      linux: { namespaces: { type: string }[] }
    }
    config.process.terminal = false
    await writeFile(path('bundle/config.json'), JSON.stringify(config))
    const args = ['--root', path('runc'), 'run', '--bundle', path('bundle'), `interop-${String(process.pid)}`]
    expect(await must('runc', args)).to.equal('made by berth')
  })

  it('is taken from an OCI layout with compressed layers', async () => {
    await skopeo(
      'copy',
      '--dest-compress',
      `docker-archive:${path('made.tar')}`,
      `oci-archive:${path('skopeo.tar')}:back:1`,
    )
    expect(await engine.must('load', '-i', path('skopeo.tar'))).to.equal('Loaded image: back:1')
    expect(await engine.must('run', '--rm', 'back:1')).to.equal('made by berth')
    await engine.must('rmi', 'back:1')
  })

  it('goes through skopeo to the engine and from it, over the socket', async () => {
    const host = `unix://${engine.socket}`
    await skopeo('copy', '--src-daemon-host', host, 'docker-daemon:made:1', `oci:${path('daemon')}:x`)
    await skopeo('copy', '--dest-daemon-host', host, `oci:${path('daemon')}:x`, 'docker-daemon:pushed:1')
    expect(await engine.must('run', '--rm', 'pushed:1')).to.equal('made by berth')
    await engine.must('rmi', 'pushed:1')
  })

  it('is the same archive every time', async () => {
    await engine.must('save', '-o', path('again.tar'), 'made:1')
    expect((await run('cmp', [path('made.tar'), path('again.tar')])).code).to.equal(0)
  })
})
