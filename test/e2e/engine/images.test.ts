import { expect } from 'chai'
import { must } from '../../run.js'
import { base, openDocker, type DockerEngine } from './harness.js'
import { makeImage } from './registry-lab.js'

describe('images', () => {
  let engine: DockerEngine
  before(async () => {
    engine = await openDocker()
  })
  after(() => engine[Symbol.asyncDispose]())

  const fails = async (...args: string[]) => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, args.join(' ')).to.equal(1)
    return stderr
  }
  const ask = async (method: string, path: string) => {
    const args = [
      '-sg',
      '-X',
      method,
      '--unix-socket',
      engine.socket,
      '-w',
      '%{http_code}',
      `http://docker/v1.41${path}`,
    ]
    const said = await must('curl', args)
    return { status: Number(said.slice(-3)), body: JSON.parse(said.slice(0, -3) || 'null') as unknown }
  }
  const build = async (dockerfile: string, ...words: string[]) => {
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: engine.dir,
      DOCKER_BUILDKIT: '0',
    }
    const { code, stderr } = await engine.with({ input: dockerfile, env }, 'build', '-q', ...words, '-')
    expect(code, stderr).to.equal(0)
  }
  const names = async (...args: string[]) =>
    (await engine.must('images', '--format', '{{.Repository}}:{{.Tag}}', ...args)).split('\n').filter(Boolean).sort()

  describe('tag', () => {
    it('gives more names, and takes one from another image', async () => {
      const [one, two] = [await makeImage(engine, 'tag/one:1', 'one'), await makeImage(engine, 'tag/two:1', 'two')]
      await engine.must('tag', 'tag/one:1', 'tag/more')
      await engine.must('tag', one.slice(7, 19), 'tag/more:id')
      const tags = await engine.must('image', 'inspect', '-f', '{{json .RepoTags}}', one)
      expect((JSON.parse(tags) as string[]).sort()).to.deep.equal(['tag/more:id', 'tag/more:latest', 'tag/one:1'])
      await engine.must('tag', 'tag/two:1', 'tag/more')
      expect(await engine.must('image', 'inspect', '-f', '{{.Id}}', 'tag/more')).to.equal(two)
    })

    it('refuses what is no name', async () => {
      await makeImage(engine, 'tag/bad:1', 'bad')
      const tag = async (query: string) => (await ask('POST', `/images/tag/bad:1/tag?${query}`)).body
      const digest = `sha256:${'0'.repeat(64)}`
      expect(await tag(`repo=x@${digest}`)).to.deep.equal({
        message: 'refusing to create a tag with a digest reference',
      })
      expect(await tag('repo=sha256&tag=1')).to.deep.equal({
        message: 'refusing to create an ambiguous tag using digest algorithm as name',
      })
      expect(await tag('repo=x&tag=-no')).to.deep.equal({ message: 'invalid tag format' })
      expect(await fails('tag', 'tag/bad:1', 'Upper')).to.include('must be lowercase')
      expect(await fails('tag', 'tag/none', 'x')).to.include('No such image: tag/none:latest')
    })
  })

  describe('rmi', () => {
    it('takes one name off, and the image with its last', async () => {
      const id = await makeImage(engine, 'rm/one:1', 'rm one')
      await engine.must('tag', 'rm/one:1', 'rm/one:2')
      expect(await engine.must('rmi', 'rm/one:1')).to.equal('Untagged: rm/one:1')
      const last = (await engine.must('rmi', 'rm/one:2')).split('\n')
      expect(last.slice(0, 2)).to.deep.equal(['Untagged: rm/one:2', `Deleted: ${id}`])
      expect(last[2]).to.match(/^Deleted: sha256:/)
      expect(await fails('image', 'inspect', id)).to.match(/no such image/i)
    })

    it('by id needs force when there are several repositories', async () => {
      const id = await makeImage(engine, 'rm/two:1', 'rm two')
      await engine.must('tag', 'rm/two:1', 'rm/other:1')
      const short = id.slice(7, 19)
      expect(await fails('rmi', short)).to.include(
        `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
      )
      expect(await engine.must('rmi', '-f', short))
        .to.include('Untagged: rm/two:1')
        .and.include('Untagged: rm/other:1')
        .and.include(`Deleted: ${id}`)
    })

    it('by id takes several tags of one repository only by force', async () => {
      const id = await makeImage(engine, 'rm/three:1', 'rm three')
      await engine.must('tag', 'rm/three:1', 'rm/three:2')
      expect(await fails('rmi', id)).to.include('must be forced')
      await engine.must('rmi', '-f', id)
    })

    it('goes on after a name that is not there', async () => {
      const id = await makeImage(engine, 'rm/four:1', 'rm four')
      const { code, stdout, stderr } = await engine.docker('rmi', 'rm/none', 'rm/four:1')
      expect(code).to.equal(1)
      // the 20.10 client puts its own words for the daemon's, and names it as it was typed
      expect(stderr).to.match(/No such image: rm\/none(:latest)?\n$/)
      expect(stdout).to.include(`Deleted: ${id}`)
      expect((await engine.docker('rmi', '-f', 'rm/none')).code).to.equal(0)
    })

    it('spares what a container uses', async () => {
      await build(`FROM ${base}\nLABEL used=yes\nCMD ["sleep", "100"]\n`, '-t', 'rm/used:1')
      const id = await engine.must('image', 'inspect', '-f', '{{.Id}}', 'rm/used:1')
      const short = id.slice(7, 19)
      const container = (await engine.must('create', 'rm/used:1')).slice(0, 12)
      expect(await fails('rmi', 'rm/used:1')).to.include(
        `conflict: unable to remove repository reference "rm/used:1" (must force) - container ${container} is using its referenced image ${short}`,
      )
      expect(await fails('rmi', short)).to.include(
        `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${container}`,
      )
      await engine.must('start', container)
      expect(await fails('rmi', '-f', short)).to.include(
        `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${container}`,
      )
      await engine.must('tag', 'rm/used:1', 'rm/used:2')
      expect(await engine.must('rmi', 'rm/used:2')).to.equal('Untagged: rm/used:2')
      await engine.must('rm', '-f', container)
      expect(await engine.must('rmi', 'rm/used:1')).to.include(`Deleted: ${id}`)
    })
  })

  it('history tells of every step, newest first', async () => {
    await build(`FROM ${base}\nRUN head -c 1000 /dev/zero > /x\nCMD ["a", "b"]\n`, '-t', 'history:1')
    const all = await engine.must(
      'history',
      '--no-trunc',
      '--format',
      '{{.CreatedBy}}|{{.Size}}|{{.Comment}}',
      'history:1',
    )
    const [cmd = '', run = '', ...rest] = all.split('\n')
    expect(cmd).to.match(/CMD \["a",? "b"\]\|0B\|/)
    expect(run).to.match(/head -c 1000 \/dev\/zero > \/x\|1kB\|/)
    expect(rest).to.have.length.greaterThan(0)
    const id = await engine.must('image', 'inspect', '-f', '{{.Id}}', 'history:1')
    expect((await engine.must('history', '-q', '--no-trunc', 'history:1')).split('\n')[0]).to.equal(id)
    const { body } = await ask('GET', '/images/history:1/history')
    expect((body as object[])[0]).to.have.all.keys('Id', 'Created', 'CreatedBy', 'Tags', 'Size', 'Comment')
    expect((body as object[])[0])
      .to.include({ Id: id, Size: 0 })
      .and.deep.include({ Tags: ['history:1'] })
    expect(await fails('history', 'history:none')).to.include('No such image: history:none')
  })

  it('inspect tells what a configuration holds', async () => {
    const file = `FROM ${base}\nLABEL a=b\nENV X=1\nEXPOSE 80/tcp 53/udp\nVOLUME /v\nUSER 5:6\nWORKDIR /w\nSTOPSIGNAL SIGINT\nENTRYPOINT ["e"]\nCMD ["c"]\n`
    await build(file, '-t', 'inspect:1')
    const [seen] = JSON.parse(await engine.must('image', 'inspect', 'inspect:1')) as [Record<string, unknown>]
    expect(seen).to.include.keys(
      'Id',
      'Created',
      'DockerVersion',
      'Author',
      'Architecture',
      'Os',
      'Size',
      'GraphDriver',
    )
    expect(seen).to.deep.include({ RepoTags: ['inspect:1'], RepoDigests: [], Comment: '', Os: 'linux' })
    expect(seen.Config).to.deep.include({
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/v': {} },
      User: '5:6',
      WorkingDir: '/w',
      StopSignal: 'SIGINT',
      Entrypoint: ['e'],
      Cmd: ['c'],
    })
    expect((seen.Config as { Env: string[] }).Env).to.include('X=1')
    expect(seen.RootFS).to.include({ Type: 'layers' })
    expect(await fails('image', 'inspect', 'inspect:none')).to.match(/no such image: inspect:none/i)
  })

  describe('list', () => {
    before(async () => {
      for (const at of ['1', '2', '3']) await build(`FROM ${base}\nLABEL list=${at} any=\n`, '-t', `list/all:${at}`)
      await engine.must('tag', 'list/all:3', 'list/moved:1')
      await build(`FROM ${base}\nLABEL list=moved\n`, '-t', 'list/moved:1')
    })

    it('is narrowed by reference, label, before and since', async () => {
      expect(await names('list/all')).to.deep.equal(['list/all:1', 'list/all:2', 'list/all:3'])
      expect(await names('list/*:1')).to.deep.equal(['list/all:1', 'list/moved:1'])
      expect(await names('-f', 'reference=list/all:2', '-f', 'reference=list/moved')).to.deep.equal([
        'list/all:2',
        'list/moved:1',
      ])
      expect(await names('-f', 'label=list=2')).to.deep.equal(['list/all:2'])
      expect(await names('-f', 'label=any', '-f', 'label=list=3')).to.deep.equal(['list/all:3'])
      expect(await names('-f', 'reference=list/all', '-f', 'before=list/all:2')).to.deep.equal(['list/all:1'])
      expect(await names('-f', 'reference=list/all', '-f', 'since=list/all:2')).to.deep.equal(['list/all:3'])
    })

    it('has ids, in full when asked', async () => {
      const id = await engine.must('image', 'inspect', '-f', '{{.Id}}', 'list/all:1')
      expect(await engine.must('images', '-q', 'list/all:1')).to.equal(id.slice(7, 19))
      expect(await engine.must('images', '-q', '--no-trunc', 'list/all:1')).to.equal(id)
      expect((await names('-a')).filter((name) => name.startsWith('list/all'))).to.have.length(3)
    })

    it('has the dangling, those without a name, when asked', async () => {
      const id = await makeImage(engine, 'dangling:1', 'first')
      await makeImage(engine, 'dangling:1', 'second')
      expect(await engine.must('images', '-q', '--no-trunc', '-f', 'dangling=true')).to.include(id)
      expect(await engine.must('images', '-q', '--no-trunc', '-f', 'dangling=false')).not.to.include(id)
      expect(await engine.must('images', '--format', '{{.Repository}} {{.Tag}}', '-f', 'dangling=true')).to.include(
        '<none> <none>',
      )
    })

    it('refuses filters that it does not know, and values that are none', async () => {
      for (const filters of ['{"size":["1"]}', '{"label!":["a"]}', '{"dangling":["maybe"]}'])
        expect((await ask('GET', `/images/json?filters=${filters}`)).status, filters).to.equal(400)
      expect((await ask('GET', '/images/json?filters={"before":["none"]}')).status).to.equal(404)
    })
  })

  describe('prune', () => {
    it('takes the nameless, or with -a all that no container has, as far as the filters go', async () => {
      const nameless = await makeImage(engine, 'prune/name:1', 'nameless')
      await makeImage(engine, 'prune/name:1', 'named')
      await build(`FROM ${base}\nLABEL prune=yes keep=no\n`, '-t', 'prune/label:1')
      await build(`FROM ${base}\nLABEL prune=yes keep=yes\n`, '-t', 'prune/keep:1')
      await build(`FROM ${base}\nLABEL prune=yes in=use\n`, '-t', 'prune/used:1')
      const container = await engine.must('create', 'prune/used:1', 'true')

      expect(await engine.must('image', 'prune', '-f', '--filter', 'until=24h')).to.include('reclaimed space: 0B')
      expect(await engine.must('image', 'prune', '-f'))
        .to.include(`deleted: ${nameless}`)
        .and.not.include('untagged: prune')
      const said = await engine.must(
        'image',
        'prune',
        '-af',
        '--filter',
        'label=prune=yes',
        '--filter',
        'label!=keep=yes',
      )
      expect(said).to.include('untagged: prune/label:1').and.not.include('prune/keep').and.not.include('prune/used')
      expect(await names('prune/*')).to.deep.equal(['prune/keep:1', 'prune/name:1', 'prune/used:1'])
      await engine.must('rm', container)
      await engine.must('image', 'prune', '-af', '--filter', 'label=prune=yes')
      expect(await names('prune/*')).to.deep.equal(['prune/name:1'])
    })

    it('refuses filters that it does not know, and values that are none', async () => {
      for (const filters of ['{"reference":["x"]}', '{"before":["x"]}', '{"dangling":["maybe"]}'])
        expect((await ask('POST', `/images/prune?filters=${filters}`)).status, filters).to.equal(400)
      expect(await fails('image', 'prune', '-f', '--filter', 'until=soon')).to.include(
        'failed to parse value as time or duration',
      )
    })
  })
})
