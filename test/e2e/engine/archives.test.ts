import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect } from 'chai'
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, run } from '../../run.js'
import { base, eventually, openDocker, oracle, type DockerEngine } from './harness.js'

describe('files in and out of containers, by the docker command', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(300_000) // each copy starts a thread, which takes seconds on a machine that is busy
  let engine: DockerEngine
  let dir: string
  const path = (name: string) => join(dir, name)
  before(async () => {
    engine = await openDocker()
    dir = await mkdtemp(join(tmpdir(), 'berth-cp-'))
    await writeFile(path('own'), 'own\n', { mode: 0o640 })
    await chown(path('own'), 1234, 4321)
    await mkdir(path('tree/in'), { recursive: true })
    await writeFile(path('tree/in/x'), 'x\n')
    const make =
      'mkdir -p /src/dir/sub; echo hi > /src/dir/file; ln -s file /src/dir/link; ln -s /src/dir /src/ld; mkfifo /src/pipe; ' +
      'ln -s /nowhere /src/dangling; ln -s ../../../../../../etc /src/up; chmod 4755 /src/dir/file; echo volume > /data/v'
    await engine.must('run', '--name', 'still', '-v', 'vol:/data', base, 'sh', '-c', make)
    await engine.must('run', '-d', '--name', 'moving', '-u', '33', '-v', 'vol:/data', base, 'sleep', '1000')
    await engine.must('exec', '-u', '0', 'moving', 'sh', '-c', make)
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })
  const env = () => ({ ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: engine.dir })
  const shell = (script: string) =>
    run('sh', ['-c', `dock() { ${process.env.DOCKER ?? 'docker'} "$@"; }; ${script}`], { env: env() })
  const listed = async (...args: string[]) =>
    (await shell(`dock cp ${args.join(' ')} - | tar tf -`)).stdout.trim().split('\n')
  const inside = (script: string) => engine.must('exec', '-u', '0', 'moving', 'sh', '-c', script)
  /** What the API says of a path. */
  const stat = async (name: string, at: string) => {
    const url = `http://engine/v1.41/containers/${name}/archive?path=${encodeURIComponent(at)}`
    const head = await must('curl', ['-sI', '--unix-socket', engine.socket, url])
    const code = Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1])
    const told = /path-stat: (\S+)/i.exec(head)?.[1]
    return { code, ...(told ? (JSON.parse(Buffer.from(told, 'base64').toString()) as object) : {}) }
  }

  for (const name of ['still', 'moving'])
    describe(`out of one that is ${name}`, () => {
      it('gives a file, a directory, what is in a directory', async () => {
        expect(await listed(`${name}:/src/dir/file`)).to.deep.equal(['file'])
        expect(await listed(`${name}:/src/dir`)).to.have.members(['dir/', 'dir/file', 'dir/link', 'dir/sub/'])
        expect(await listed(`${name}:/src/dir/.`)).to.have.members(['./', './file', './link', './sub/'])
        expect(await listed(`${name}:/src/pipe`)).to.deep.equal(['pipe'])
        await engine.must('cp', `${name}:/src/dir`, path(`out-${name}`))
        expect(await readFile(path(`out-${name}/file`), 'utf8')).to.equal('hi\n')
        await engine.must('cp', `${name}:/src/dir/file`, path(`file-${name}`))
        expect(await readFile(path(`file-${name}`), 'utf8')).to.equal('hi\n')
      })

      it('follows the last link only when told to, and never out of the container', async () => {
        expect(await listed(`${name}:/src/ld`)).to.deep.equal(['ld'])
        expect(await listed('-L', `${name}:/src/ld`)).to.include('dir/file')
        expect(await listed(`${name}:/src/ld/`)).to.include('ld/file')
        await writeFile('/etc/berth-outside', 'outside')
        try {
          expect((await engine.docker('cp', `${name}:/src/up/berth-outside`, path('stolen'))).code).to.equal(1)
        } finally {
          await rm('/etc/berth-outside')
        }
        expect(await listed(`${name}:/src/up/passwd`)).to.deep.equal(['passwd'])
      })

      it('reads volumes, and nothing of the kernel', async () => {
        expect((await shell(`dock cp ${name}:/data/v - | tar xO`)).stdout).to.equal('volume\n')
        expect(await listed(`${name}:/proc`)).to.deep.equal(['proc/'])
        expect((await engine.docker('cp', `${name}:/proc/cpuinfo`, path('none'))).stderr).to.match(
          // the words of clients until 23, and since
          /No such container:path: .*:\/proc\/cpuinfo|Could not find the file \/proc\/cpuinfo in container/,
        )
      })

      it('says what a path is', async () => {
        expect(await stat(name, '/src/dir/file')).to.deep.include({ code: 200, name: 'file', size: 3, linkTarget: '' })
        expect(await stat(name, '/src/dir/file')).to.include({ mode: 0o755 + 2 ** 23 })
        expect(await stat(name, '/src/dir/')).to.include({ name: 'dir', mode: 0o755 + 2 ** 31 })
        expect(await stat(name, '/src/dir/.')).to.include({ name: '.' })
        expect(await stat(name, '/')).to.include({ name: '/', mode: 0o755 + 2 ** 31 })
        expect(await stat(name, '/src/up')).to.include({ name: 'up', linkTarget: '/etc', mode: 0o777 + 2 ** 27 })
        expect(await stat(name, '/src/dangling')).to.include({ linkTarget: '/nowhere' })
        expect(await stat(name, '/src/ld/')).to.include({ name: 'ld', linkTarget: '', mode: 0o755 + 2 ** 31 })
        expect(await stat(name, '/src/pipe')).to.include({ mode: 0o644 + 2 ** 25 })
        expect(await stat(name, '/tmp')).to.include({ mode: 0o777 + 2 ** 31 + 2 ** 20 })
        for (const missing of ['/nosuch', '/src/dangling/'])
          expect(await stat(name, missing)).to.deep.equal({ code: 404 })
        expect(await stat(name, '')).to.deep.equal({ code: 400 })
        expect(await stat('nosuch', '/')).to.deep.equal({ code: 404 })
      })
    })

  describe('into a container', () => {
    it('puts a file and a tree, with their owners, or the user of the container', async () => {
      await engine.must('cp', path('own'), 'moving:/tmp/o1')
      await engine.must('cp', '-a', path('own'), 'moving:/tmp/o2')
      await engine.must('cp', path('tree'), 'moving:/tmp')
      await engine.must('cp', path('tree'), 'moving:/tmp/new')
      await engine.must('cp', `${path('tree')}/.`, 'moving:/srv')
      expect(await inside('stat -c "%a %u:%g" /tmp/o1 /tmp/o2; cat /tmp/tree/in/x /tmp/new/in/x /srv/in/x')).to.equal(
        '640 1234:4321\n640 33:33\nx\nx\nx',
      )
    })

    it('writes through links, inside the container', async () => {
      await engine.must('cp', path('own'), 'moving:/src/ld/put')
      await engine.must('cp', path('own'), 'moving:/src/up/put')
      expect(await inside('cat /src/dir/put /etc/put')).to.equal('own\nown')
      expect((await run('test', ['-e', '/etc/put'])).code).to.equal(1)
    })

    it('unpacks an archive from standard input', async () => {
      const { code } = await shell(`tar c -C ${dir} tree own | dock cp - moving:/opt`)
      expect(code).to.equal(0)
      expect(await inside('cat /opt/own /opt/tree/in/x')).to.equal('own\nx')
    })

    it('changes one that does not run, and its volumes', async () => {
      await engine.must('create', '--name', 'idle', '-v', 'vol:/data', base, 'cat', '/data/w', '/root/own')
      await engine.must('cp', path('own'), 'idle:/data/w')
      await engine.must('cp', path('own'), 'idle:/root/')
      expect(await engine.must('start', '-a', 'idle')).to.equal('own\nown')
      await engine.must('rm', 'idle')
    })

    it('refuses what does not fit, in words', async () => {
      const refused = async (from: string, to: string) => {
        const { code, stderr } = await engine.docker('cp', from, to)
        expect(code).to.equal(1)
        return stderr
      }
      expect(await refused(path('own'), 'moving:/nosuch/x')).to.match(
        /No such container:path: moving:\/nosuch|Could not find the file \/nosuch in container moving/,
      )
      expect(await refused(path('tree'), 'moving:/src/dir/file')).to.match(/cannot copy directory/)
      await mkdir(path('clash/file'), { recursive: true })
      expect(await refused(`${path('clash')}/.`, 'moving:/src/dir')).to.match(/cannot overwrite non-directory/)
      expect(await inside('cat /src/dir/file')).to.equal('hi')
      await engine.must(
        'run',
        '-d',
        '--name',
        'ro',
        '--read-only',
        '-v',
        'vol:/data:ro',
        '-v',
        'free:/free',
        base,
        'sleep',
        '999',
      )
      expect(await refused(path('own'), 'ro:/tmp/')).to.match(/container rootfs is marked read-only/)
      expect(await refused(path('own'), 'ro:/data/')).to.match(/mounted volume is marked read-only/)
      await engine.must('cp', path('own'), 'ro:/free/')
      await engine.must('rm', '-f', 'ro')
    })

    it('replaces nothing outside when a link is put first', async () => {
      await must('sh', [
        '-c',
        `cd ${dir} && mkdir -p evil && ln -sfn /etc evil/way && tar cf evil.tar -C evil way && rm evil/way && mkdir -p evil/way && echo bad > evil/way/berth-evil && tar rf evil.tar -C evil way/berth-evil`,
      ])
      await shell(`dock cp - moving:/tmp < ${path('evil.tar')}`)
      expect((await run('test', ['-e', '/etc/berth-evil'])).code).to.equal(1)
    })
  })

  describe('diff', () => {
    it('tells what was added, changed and deleted, and nothing the engine did', async () => {
      const change =
        'echo x > /etc/new; rm /etc/shells; rm -r /usr/share/keyrings; mkdir /usr/share/keyrings; touch /usr/share/keyrings/q; ' +
        'mkdir /made; touch /made/f; chmod 700 /srv; echo more >> /etc/group; ln -s /made /lnk; touch /data/in; mkdir /opt/s; rm -r /opt/s; ' +
        'rm -r /usr/share/doc-base; touch /usr/share/doc-base'
      await engine.must('run', '--name', 'changed', '-v', '/data', base, 'sh', '-c', change)
      const lines = (await engine.must('diff', 'changed'))
        .split('\n')
        .filter((line) => !/ \/usr\/share\/(keyrings|doc-base)\/[^q]/.test(line))
      expect(lines.sort()).to.deep.equal(
        [
          ...['A /data', 'A /etc/new', 'A /lnk', 'A /made', 'A /made/f', 'A /usr/share/keyrings/q'],
          ...['C /etc', 'C /etc/group', 'C /srv', 'C /usr', 'C /usr/share', 'C /usr/share/keyrings', 'D /etc/shells'],
          (await engine.must('run', '--rm', base, 'sh', '-c', 'test -e /usr/share/doc-base && echo C || echo A')) +
            ' /usr/share/doc-base',
        ].sort(),
      )
      await engine.must('rm', '-v', 'changed')
      await engine.must('run', '--name', 'same', base, 'true')
      expect(await engine.must('diff', 'same')).to.equal('')
      await engine.must('rm', 'same')
    })
  })

  describe('export', () => {
    for (const name of ['still', 'moving'])
      it(`gives the whole root, without what is mounted, of one that is ${name}`, async () => {
        await engine.must('export', '-o', path('root.tar'), name)
        const names = (await must('tar', ['tf', path('root.tar')])).split('\n')
        expect(names).to.include.members(['src/dir/file', 'etc/passwd', 'proc/', 'data/'])
        expect(names.filter((entry) => /^(data|proc|sys)\/./.test(entry))).to.deep.equal([])
        expect(await must('tar', ['xOf', path('root.tar'), 'src/dir/file'])).to.equal('hi')
      })
  })

  it('lets a container start while nobody reads its export', async () => {
    await engine.must('run', '--name', 'full', base, 'sh', '-c', '[ -e /big ] || head -c 64M /dev/urandom > /big')
    const reader = engine.start('export', 'full')
    try {
      await once(reader.stdout as Readable, 'readable')
      expect(await engine.must('start', '-a', 'full')).to.equal('')
      expect(reader.exitCode).to.equal(null)
      let bytes = 0
      for await (const chunk of reader.stdout as Readable) bytes += (chunk as Buffer).length
      expect(bytes).to.be.greaterThan(64 << 20)
    } finally {
      reader.kill()
      await engine.must('rm', '-f', 'full')
    }
  })

  describe('commit', () => {
    it('makes an image of the files and the settings, changed as told', async () => {
      await engine.must(
        'commit',
        '-m',
        'why',
        '-a',
        'me',
        '-c',
        'ENV A=b',
        '-c',
        'CMD ["cat","/src/dir/file"]',
        '-c',
        'EXPOSE 80',
        'still',
        'made:1',
      )
      expect(await engine.must('run', '--rm', 'made:1')).to.equal('hi')
      const format = '{{.Author}} {{.Comment}} {{.Config.ExposedPorts}} {{.Config.Env}}'
      const told = await engine.must('inspect', '-f', format, 'made:1')
      expect(told).to.match(/^me why map\[80\/tcp:(\{\}|map\[\])\] \[.*A=b\]$/)
      expect(
        (await engine.must('history', '--no-trunc', '--format', '{{.Comment}}', 'made:1')).split('\n')[0],
      ).to.equal('why')
      expect(await engine.must('run', '--rm', 'made:1', 'ls', '/data')).to.equal('')
      await engine.must('rmi', 'made:1')
    })

    it('takes one that writes as it is at one moment', async () => {
      // each counts up in one file, then in another: at any moment the second is at most one behind
      const writer = 'i=0; while :; do i=$((i+1)); echo $i > /src/a$0; echo $i > /src/b$0; done'
      const writers = `mkdir -p /src; for n in 1 2 3 4 5 6 7 8; do sh -c '${writer}' $n & done; wait`
      await engine.must('run', '-d', '--name', 'busy', base, 'sh', '-c', writers)
      try {
        await eventually(async () => (await engine.docker('exec', 'busy', 'test', '-s', '/src/b8')).code === 0, 'it')
        await engine.must('commit', 'busy', 'busy:1')
        // a file may be caught empty, between its opening and its writing
        const read = 'for n in 1 2 3 4 5 6 7 8; do echo $(cat /src/a$n):$(cat /src/b$n); done'
        for (const pair of (await engine.must('run', '--rm', 'busy:1', 'sh', '-c', read)).split('\n')) {
          const [a, b] = pair.split(':').map(Number)
          if (a && b) expect(a - b, pair).to.be.within(0, 1)
        }
      } finally {
        await engine.must('rm', '-f', 'busy')
        await engine.docker('rmi', 'busy:1')
      }
    })

    it('takes one that runs, frozen meanwhile, and lets it run on', async () => {
      const id = await engine.must('commit', 'moving')
      expect(id).to.match(/^sha256:[0-9a-f]{64}$/)
      expect(await engine.must('inspect', '-f', '{{.Config.User}}', id)).to.equal('33')
      expect(await inside('echo runs')).to.equal('runs')
      await engine.must('rmi', id)
    })

    it('adds no layer when nothing changed, and refuses changes that are no settings', async () => {
      await engine.must('create', '--name', 'plain', base, 'true')
      await engine.must('commit', 'plain', 'plain:1')
      const layers = (name: string) => engine.must('inspect', '-f', '{{.RootFS.Layers}}', name)
      expect(await layers('plain:1')).to.equal(await layers(base))
      for (const [change, word] of [
        ['RUN ls', 'run'],
        ['FROM x', 'from'],
        ['STOPSIGNAL 9', 'stopsignal'],
      ] as const)
        expect((await engine.docker('commit', '-c', change, 'plain')).stderr).to.include(
          `${word} is not a valid change command`,
        )
      await engine.must('rm', 'plain')
      await engine.must('rmi', 'plain:1')
    })
  })

  describe('import', () => {
    it('makes an image of one layer, changed as told', async () => {
      await engine.must('export', '-o', path('import.tar'), 'still')
      await engine.must(
        'import',
        '-m',
        'note',
        '-c',
        'CMD ["cat","/src/dir/file"]',
        '-c',
        'USER 5',
        path('import.tar'),
        'imp:1',
      )
      expect(
        await engine.must('inspect', '-f', '{{.Config.User}} {{.Comment}} {{len .RootFS.Layers}}', 'imp:1'),
      ).to.equal('5 note 1')
      expect(await engine.must('run', '--rm', 'imp:1')).to.equal('hi')
      expect((await engine.docker('import', '-c', 'RUN x', path('import.tar'))).stderr).to.include(
        'run is not a valid change command',
      )
      expect((await engine.docker('import', '/etc/passwd')).code).to.equal(1)
      await engine.must('rmi', 'imp:1')
    })
  })

  describe('afterwards', () => {
    it('leaves nothing mounted behind', async () => {
      if (oracle) return
      const mounts = await readFile(`/proc/${String(engine.pid())}/mountinfo`, 'utf8')
      const memory = ` ${engine.dir}/run ` // the harness's
      const own = mounts.split('\n').filter((line) => line.includes(engine.dir) && !line.includes(memory))
      expect(own).to.deep.equal([])
    })
  })
})
