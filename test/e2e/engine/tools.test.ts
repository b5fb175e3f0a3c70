import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import Docker from 'dockerode'
import { must } from '../../run.js'
import { base, cache, type DockerEngine, openDocker, oracle } from './harness.js'
import { freePort } from '../../free.js'

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))

/** Ansible's docker modules, out of Debian's package: the whole has 30,000 files. @returns the collections' directory */
async function ansibleCollections(): Promise<string> {
  const dir = join(cache, 'ansible')
  const collections = join(dir, 'usr/lib/python3/dist-packages')
  if (existsSync(collections)) return collections
  await mkdir(dir, { recursive: true })
  await must('apt-get', ['download', '--quiet', 'ansible'], { cwd: dir, timeoutMs: 60_000 })
  const unpack = `dpkg-deb --fsys-tarfile ansible_*.deb | tar x --wildcards './usr/*/ansible_collections/community/docker/*'`
  await must('sh', ['-c', unpack], { cwd: dir, timeoutMs: 60_000 })
  return collections
}

describe('tools that nobody here wrote', () => {
  let engine: DockerEngine

  before(async function () {
    engine = await openDocker()
  })

  after(() => engine[Symbol.asyncDispose]())

  it('docker-compose brings up, scales, shows and takes down three services', async function () {
    if (oracle) this.skip() // its builds know nothing of this machine's certificates
    this.timeout(300_000)
    const project = ['-p', 'three', '--project-directory', `${fixtures}/compose`]
    const compose = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.run('docker-compose', [...project, ...words], {
        cwd: `${fixtures}/compose`,
        timeoutMs: 240_000, // it installs a PostgreSQL
      })
      if (code !== 0) throw new Error(`docker-compose ${words.join(' ')}: ${stderr}`)
      return stdout.trim()
    }
    await compose('build')
    await compose('up', '-d')
    const ask = async (): Promise<string[]> => {
      const address = await compose('port', 'web', '8000')
      const { stdout } = await engine.run('curl', ['-sS', '--retry', '9', '--retry-connrefused', `http://${address}/`])
      return stdout.trim().split(' ')
    }
    const id = await compose('ps', '-q', 'web')
    expect(await ask()).to.deep.equal([id.slice(0, 12), '1', '42'])

    await compose('up', '-d', '--scale', 'web=3', '--no-recreate')
    expect((await compose('ps', '-q', 'web')).split('\n')).to.have.length(3)
    const names = await engine.must('exec', 'three_redis_1', 'getent', 'ahostsv4', 'web')
    expect(new Set(names.match(/^\S+(?= +STREAM)/gm))).to.have.property('size', 3)

    await compose('restart', 'web')
    expect((await ask()).slice(1)).to.deep.equal(['2', '42'])
    expect(await compose('logs', '--no-color', 'web')).to.match(/^web_1 +\| served \/$/m)
    expect(await compose('exec', '-T', 'redis', 'redis-cli', 'get', 'hits')).to.equal('2')
    expect(await compose('run', '--rm', 'web', 'hostname', '-i')).to.match(/^10\./)
    expect(await compose('top', 'db')).to.contain('postgres: 15/main: checkpointer')
    await compose('stop', 'redis')
    expect(await compose('ps', 'redis')).to.match(/Exit 0/)

    await compose('down', '-v', '--rmi', 'all')
    expect(await engine.must('ps', '-aq')).to.equal('')
    expect(await engine.must('volume', 'ls', '-q')).to.equal('')
    expect(await engine.must('network', 'ls', '-q', '--filter', 'type=custom')).to.equal('')
    expect(await engine.must('images', '-q', 'three')).to.equal('')
  })

  it('Ansible makes what is missing, changes nothing the second time, and takes it away', async function () {
    this.timeout(240_000)
    const collections = await ansibleCollections()
    const vars = { base, subnet: '10.251.77.0/24', web_port: await freePort() }
    const play = async (book: string): Promise<string> => {
      const env = {
        ...process.env,
        DOCKER_HOST: `unix://${engine.socket}`,
        ANSIBLE_COLLECTIONS_PATH: collections,
        HOME: engine.dir,
        ANSIBLE_HOME: engine.dir,
        ANSIBLE_REMOTE_TEMP: join(engine.dir, 'ansible'),
      }
      const args = ['--extra-vars', JSON.stringify(vars), book]
      const { stdout } = await engine.run('ansible-playbook', args, {
        cwd: `${fixtures}/ansible`,
        env,
        timeoutMs: 120_000,
      })
      return /localhost +: (.*)/.exec(stdout)?.[1]?.replaceAll(/ +/g, ' ') ?? stdout
    }
    expect(await play('site.yml')).to.include('ok=10 changed=4 unreachable=0 failed=0')
    expect(await engine.must('inspect', '-f', '{{.State.Status}}', 'ansible-web')).to.equal('running')
    expect(await play('site.yml')).to.include('ok=10 changed=0 unreachable=0 failed=0')
    expect(await play('clean.yml')).to.include('ok=5 changed=4 unreachable=0 failed=0')
    expect(await engine.must('volume', 'ls', '-q')).to.equal('')
  })

  it('python3-docker runs, builds, watches and removes', async () => {
    const { code, stdout, stderr } = await engine.run('/usr/bin/python3', [`${fixtures}/client.py`])
    expect(stderr).to.equal('')
    expect(stdout).to.equal('well\n')
    expect(code).to.equal(0)
  })

  it('dockerode runs, attaches, executes, follows and lists', async () => {
    const docker = new Docker({ socketPath: engine.socket })
    const out = new PassThrough()
    const [{ StatusCode }, container] = (await docker.run(base, ['sh', '-c', 'echo out; exit 4'], out, {
      name: 'ode',
    })) as [{ StatusCode: number }, Docker.Container]
    out.end()
    expect(StatusCode).to.equal(4)
    expect(await text(out)).to.equal('out\r\n')
    expect((await container.logs({ stdout: true })).toString()).to.contain('out')
    await container.remove()

    const echo = await docker.createContainer({ Image: base, Cmd: ['cat'], OpenStdin: true, StdinOnce: true })
    const stream = await echo.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    docker.modem.demuxStream(stream, stdout, stderr)
    await echo.start()
    stream.end('typed\n')
    await echo.wait()
    stdout.end()
    expect(await text(stdout)).to.equal('typed\n')
    await echo.remove()

    const sleeper = await docker.createContainer({ Image: base, Cmd: ['sleep', 'infinity'], Labels: { ode: '1' } })
    await sleeper.start()
    const exec = await sleeper.exec({
      Cmd: ['sh', '-c', 'read line; echo "got $line"'],
      AttachStdin: true,
      AttachStdout: true,
      Tty: true,
    })
    const talk = await exec.start({ hijack: true, stdin: true, Tty: true })
    talk.write('this\n')
    expect(await text(talk)).to.contain('got this')
    expect(await exec.inspect()).to.include({ ExitCode: 0, Running: false })
    const found = await docker.listContainers({ filters: { label: ['ode=1'] } })
    expect(found.map(({ Id }) => Id)).to.deep.equal([sleeper.id])
    await sleeper.stop({ t: 0 })
    await sleeper.remove()
    const failure: { statusCode?: number } = await sleeper.inspect().then(
      () => ({}),
      (error: unknown) => error as { statusCode?: number },
    )
    expect(failure.statusCode).to.equal(404)
  })
})
