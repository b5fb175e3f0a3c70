import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { base, openDocker, type DockerEngine } from './harness.js'

/** `$` is doubled for compose, which would take it for its own. */
const compose = (greeting: string): string => `
version: '2.4'
services:
  db:
    build: .
    command: ['sh', '-c', 'date +%s%N > /data/started; touch /data/anonymous/kept; exec sleep 600']
    volumes: ['named:/data', '/data/anonymous']
    stop_grace_period: 1s
    healthcheck: {test: ['CMD', 'test', '-e', '/data/started'], interval: 200ms, retries: 50}
  web:
    image: ${base}
    command: ['sh', '-c', 'echo ${greeting} $$HOSTNAME; trap "echo got USR1" USR1; while :; do sleep 0.1; done']
    environment: {GREETING: '${greeting}'}
    expose: ['8000']
    ports: ['8000']
    init: true
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
    networks: {default: {aliases: [site]}, back: {}}
  job:
    image: ${base}
    command: ['sh', '-c', 'echo job; exit 3']
    network_mode: none
networks: {back: {internal: true}}
volumes: {named: {}}
`

describe('docker-compose 1.29', function () {
  if (process.getuid?.() !== 0) return
  let engine: DockerEngine
  let dir: string
  const run = (args: readonly string[], input?: string) =>
    engine.run('docker-compose', ['-p', 'steps', '--ansi', 'never', ...args], {
      cwd: dir,
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    })
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(args)
    if (code !== 0) throw new Error(`docker-compose ${args.join(' ')} ended with ${String(code)}: ${stdout}${stderr}`)
    return stdout.trim()
  }
  const ids = async (service: string) => (await must('ps', '-q', service)).split('\n').filter(Boolean)
  const started = () => must('exec', '-T', 'db', 'cat', '/data/started')
  const write = (greeting: string) => writeFile(join(dir, 'docker-compose.yml'), compose(greeting))

  before(async () => {
    engine = await openDocker()
    dir = await mkdtemp(join(tmpdir(), 'berth-compose-'))
    await writeFile(join(dir, 'Dockerfile'), `FROM ${base}\nRUN mkdir /data\nVOLUME /from-image\n`)
    await write('hello')
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  let events: { child: ReturnType<typeof spawn>; said: Promise<string> }
  let first: string[] = []
  let image = ''

  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'config',
      async () => expect((await must('config', '--services')).split('\n').sort()).to.deep.equal(['db', 'job', 'web']),
    ],
    ['build', async () => must('build', 'db')],
    ['create', async () => must('up', '--no-start', 'db')],
    [
      'events, begun',
      () => {
        const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, PYTHONUNBUFFERED: '1' }
        const child = spawn('docker-compose', ['-p', 'steps', 'events', '--json'], { cwd: dir, env, stdio: 'pipe' })
        events = { child, said: text(child.stdout) }
        return Promise.resolve()
      },
    ],
    [
      'up',
      async () => {
        await must('up', '-d', 'web')
        first = [...(await ids('db')), ...(await ids('web'))]
        expect(first).to.have.length(2)
      },
    ],
    ['ps', async () => expect(await must('ps')).to.match(/steps_db_1 .*Up \(healthy\)[^]*steps_web_1 .*Up/)],
    [
      'up of what is up',
      async () => {
        await must('up', '-d', 'web')
        expect([...(await ids('db')), ...(await ids('web'))]).to.deep.equal(first)
      },
    ],
    [
      'up of a changed service',
      async () => {
        await engine.must('exec', first[0] ?? '', 'touch', '/from-image/kept')
        await write('changed')
        await must('up', '-d', 'web')
        const [web = ''] = await ids('web')
        expect(web).not.to.equal(first[1])
        expect(await ids('db')).to.deep.equal([first[0]])
        expect(await must('exec', '-T', 'web', 'sh', '-c', 'echo $GREETING')).to.equal('changed')
      },
    ],
    [
      'up --force-recreate, which keeps volumes',
      async () => {
        const before = await started()
        await must('up', '-d', '--force-recreate', 'db')
        expect(await ids('db')).not.to.deep.equal([first[0]])
        expect(await started()).not.to.equal(before)
        await must('exec', '-T', 'db', 'test', '-e', '/from-image/kept')
        await must('exec', '-T', 'db', 'test', '-e', '/data/anonymous/kept')
      },
    ],
    [
      'up --build of a changed Dockerfile',
      async () => {
        await writeFile(join(dir, 'Dockerfile'), `FROM ${base}\nRUN mkdir /data && touch /new\nVOLUME /from-image\n`)
        await must('up', '-d', '--build', 'db')
        await must('exec', '-T', 'db', 'test', '-e', '/new')
        await must('exec', '-T', 'db', 'test', '-e', '/from-image/kept')
      },
    ],
    [
      'up --no-recreate',
      async () => {
        const before = await ids('web')
        await write('hello')
        await must('up', '-d', '--no-recreate', 'web')
        expect(await ids('web')).to.deep.equal(before)
        await must('up', '-d', 'web')
      },
    ],
    [
      'up --scale',
      async () => {
        await must('up', '-d', '--scale', 'web=3', 'web')
        expect(await ids('web')).to.have.length(3)
      },
    ],
    [
      'scale, down and up',
      async () => {
        await must('scale', 'web=1')
        expect(await ids('web')).to.have.length(1)
        await must('scale', 'web=2')
        expect(await ids('web')).to.have.length(2)
      },
    ],
    [
      'names and aliases',
      async () => {
        for (const name of ['db', 'web', 'site', 'steps_web_2'])
          await must('exec', '-T', 'web', 'getent', 'hosts', name)
      },
    ],
    ['port', async () => expect(await must('port', '--index=2', 'web', '8000')).to.match(/^0\.0\.0\.0:\d+$/)],
    ['images', async () => expect(await must('images')).to.match(/steps_db_1 +steps_db +latest/)],
    ['top', async () => expect(await must('top', 'web')).to.match(/steps_web_1[^]*while :[^]*steps_web_2/)],
    ['logs', async () => expect(await must('logs', 'web')).to.match(/web_1 +\| hello [0-9a-f]{12}/)],
    ['logs --tail', async () => expect(await must('logs', '--tail=1', '-t', 'web')).to.match(/\d+Z hello/)],
    ['exec -T', async () => expect(await run(['exec', '-T', 'web', 'sh', '-c', 'exit 7'])).to.include({ code: 7 })],
    [
      'exec -T with an input',
      async () => expect(await run(['exec', '-T', 'web', 'cat'], 'typed\n')).to.include({ code: 0, stdout: 'typed\n' }),
    ],
    [
      'run -T --rm without an input',
      async () => expect(await run(['run', '-T', '--rm', 'web', 'cat'])).to.include({ code: 0, stdout: '' }),
    ],
    [
      'run -T --rm with one',
      async () => {
        const said = await run(['run', '-T', '--rm', 'web', 'sh', '-c', 'cat; exit 5'], 'typed\n')
        expect(said).to.include({ code: 5, stdout: 'typed\n' })
      },
    ],
    [
      'run -d',
      async () => {
        const name = await must(
          'run',
          '-d',
          '--no-deps',
          '--name',
          'one-off',
          '-e',
          'A=b',
          'job',
          'sh',
          '-c',
          'echo $A',
        )
        expect(name).to.equal('one-off')
        await engine.must('wait', 'one-off')
        expect(await engine.must('logs', 'one-off')).to.equal('b')
      },
    ],
    [
      'up --exit-code-from',
      async () => {
        const { code, stdout } = await run(['up', '--exit-code-from', 'job', 'job'])
        expect(code).to.equal(3)
        expect(stdout).to.match(/job_1 +\| job/)
      },
    ],
    [
      'pause and unpause',
      async () => {
        await must('pause', 'web')
        expect(await must('ps', 'web')).to.match(/Paused/)
        await must('unpause', 'web')
        expect(await must('ps', 'web')).not.to.match(/Paused/)
      },
    ],
    [
      'kill -s',
      async () => {
        await must('kill', '-s', 'USR1', 'web')
        for (const late = Date.now() + 10_000; !(await must('logs', 'web')).includes('got USR1');)
          if (Date.now() > late) throw new Error('the signal did not arrive')
      },
    ],
    [
      'stop and start',
      async () => {
        const before = await ids('web')
        await must('stop', '-t', '1')
        expect(await must('ps', '--services', '--filter', 'status=running')).to.equal('')
        await must('start', 'db', 'web')
        expect(await ids('web')).to.deep.equal(before)
      },
    ],
    [
      'restart',
      async () => {
        const before = await started()
        await must('restart', '-t', '1', 'db')
        expect(await started()).not.to.equal(before)
      },
    ],
    ['rm', async () => must('rm', '-sfv', 'job').then(async () => expect(await ids('job')).to.deep.equal([]))],
    [
      'events, ended',
      async () => {
        events.child.kill('SIGINT')
        const actions = (await events.said).trim().split('\n').map((line) => {
          const { service, action } = JSON.parse(line) as Record<string, string>
          return `${String(service)} ${String(action)}`
        }) // prettier-ignore
        expect(actions).to.include.members([
          ...['web create', 'web start', 'web kill', 'web die', 'web stop', 'web destroy', 'web pause', 'web unpause'],
          ...['job die', 'db health_status: healthy'],
        ])
      },
    ],
    [
      'down, which keeps what has a name',
      async () => {
        image = await engine.must('images', '-q', 'steps_db')
        const kept = await started()
        await must('down', '-t', '1')
        expect(await engine.must('ps', '-aq', '--filter', 'label=com.docker.compose.oneoff=False')).to.equal('')
        expect(await engine.must('network', 'ls', '-q', '--filter', 'name=steps_')).to.equal('')
        await must('run', '-T', '--rm', '--no-deps', 'db', 'grep', '-qx', kept, '/data/started')
      },
    ],
    [
      'down -v --rmi local',
      async () => {
        expect(image).to.match(/^[0-9a-f]{12}$/)
        await must('up', '-d', 'web')
        await must('down', '-v', '-t', '1', '--rmi', 'local', '--remove-orphans')
        expect(await engine.must('ps', '-aq')).to.equal('')
        expect(await engine.must('volume', 'ls', '-q', '--filter', 'name=steps_')).to.equal('')
        expect(await engine.must('images', '-q', 'steps_db')).to.equal('')
      },
    ],
  ]
  for (const [name, step] of steps)
    it(name, async function () {
      this.timeout(180_000)
      await step()
    })
})
