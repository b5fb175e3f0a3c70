import { expect } from 'chai'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { detect } from '../../../src/buildpacks/detect.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import type { ProcessSettings } from '../../../src/process-settings.js'
import { withTree, type Files } from '../trees.js'

const app = { 'api/Dockerfile': 'FROM debian AS base\nARG LEVEL\nEXPOSE 3000\nFROM base AS prod\n' }

/** The plan of a tree with this compose file, which nothing else says how to build. */
const plan = (text: string, files: Files = app, variables: Record<string, string> = {}): Plan =>
  withTree({ 'compose.yaml': text, ...files }, (directory) => detect(directoryTree(directory), variables))

/** What the one service of a file has. */
const settings = (lines: string, files?: Files, variables?: Record<string, string>): ProcessSettings => {
  const text = `services:\n  x:\n    image: debian\n${lines.replace(/^(?=.)/gm, '    ')}\nvolumes: {data: }\n`
  return plan(text, files, variables).settings?.x ?? {}
}

const stack = `
name: shop
version: "3.8"
x-logging: &usual {restart: always, mem_limit: 256m}
services:
  frontend:
    <<: *usual
    build: {context: ./api, target: prod, args: {LEVEL: "2", OTHER: x}}
    command: ["node", "server.js", "--port=\${PORT}"]
    ports: ["8080:3000"]
    environment:
      DATABASE_URL: postgres://app:\${DB_PASSWORD:-dev}@db/app
      TOKEN:
    depends_on: {db: {condition: service_healthy}}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 128M}}}
  worker:
    build: ./api
    command: node "work er.js"
    depends_on: [db, cache]
    networks: [default, back]
  db:
    image: postgres:16
    environment: ["POSTGRES_PASSWORD=\${DB_PASSWORD:-dev}", PGDATA=/data/pg]
    volumes: ["data:/data", "/scratch", {type: tmpfs, target: /run/pg, tmpfs: {size: 64m}}]
    healthcheck: {test: pg_isready -U app, interval: 10s, timeout: 5s, retries: 5, start_period: 30s}
    stop_grace_period: 1m30s
    stop_signal: SIGINT
    networks: {back: {aliases: [database]}}
  cache: {image: "redis:7", expose: [6379], ports: ["6379"], networks: [back]}
networks: {back: {internal: true}}
volumes: {data: }
`

describe('a compose file', () => {
  it('is one app: its services are process types, each with its image', () => {
    const { images = {}, ...made } = plan(stack, app, { PORT: '80' })
    expect(made).to.include({ origin: 'compose file', found: 'compose.yaml', ownDockerfile: 'Dockerfile' })
    expect(made).to.include({ context: 'api', target: 'prod', webPort: 3000 })
    expect(made.args).to.deep.equal({ LEVEL: '2' })
    expect(made.processTypes).to.deep.equal({
      web: 'node server.js --port=${PORT}',
      worker: 'node "work er.js"',
      db: null,
      cache: null,
    })
    expect(Object.keys(images)).to.deep.equal(['worker', 'db', 'cache'])
    expect(images.db).to.deep.include({
      dockerfile: 'FROM postgres:16\n',
      ownDockerfile: false,
      namesImages: true,
      title: 'postgres:16',
    })
    expect(made.formation).to.deep.equal({ web: 2, worker: 1, db: 1, cache: 1 })
  })

  it('says what its processes have', () => {
    const { web, worker, db, cache } = plan(stack, app).settings ?? {}
    expect(web).to.deep.equal({
      command: ['node', 'server.js', '--port=${PORT}'],
      environment: { DATABASE_URL: 'postgres://app:${DB_PASSWORD:-dev}@db/app', TOKEN: null },
      networks: [{ name: '', aliases: ['frontend'] }],
      memory: 128 * 2 ** 20,
      cpus: 0.5,
      after: ['db'],
    })
    expect(worker?.command).to.deep.equal(['node', 'work er.js'])
    expect(worker?.after).to.deep.equal(['db', 'cache'])
    expect(worker?.networks).to.deep.equal([
      { name: '', aliases: ['worker'] },
      { name: 'back', aliases: ['worker'], internal: true },
    ])
    expect(db).to.deep.equal({
      environment: { POSTGRES_PASSWORD: '${DB_PASSWORD:-dev}', PGDATA: '/data/pg' },
      onlyNamed: true,
      volumes: [{ target: '/data', name: 'data' }, { target: '/scratch' }],
      tmpfs: { '/run/pg': `size=${64 * 2 ** 20}` },
      networks: [{ name: 'back', aliases: ['db', 'database'], internal: true }],
      grace: 90,
      stopSignal: 'SIGINT',
    })
    expect(cache?.onlyNamed).to.equal(true)
  })

  it('says how they are checked, and what is not as people may think', () => {
    const made = plan(stack)
    expect(made.checks).to.deep.equal({
      db: [
        {
          ...{ file: 'compose', phase: 'startup', command: ['/bin/sh', '-c', 'pg_isready -U app'] },
          ...{ timeout: 5, wait: 2, attempts: 40 },
        },
        {
          ...{ file: 'compose', phase: 'liveness', command: ['/bin/sh', '-c', 'pg_isready -U app'] },
          ...{ timeout: 5, wait: 10, initialDelay: 30, attempts: 5 },
        },
      ],
    })
    expect(made.notes).to.deep.equal([
      'frontend is process type web: requests go to it',
      "cache is not published: the app's services reach it at cache:6379",
    ])
  })

  it('has one image for services that say the same', () => {
    const made = plan(`services:
  web: {build: ./api, image: me/shop, ports: ["80"]}
  worker: {build: {context: api/}, command: work}
  clock: {image: me/shop, command: tick}
  db: {image: debian}
  other: {image: debian}
`)
    expect(Object.keys(made.images ?? {})).to.deep.equal(['db', 'other'])
    expect(made.images?.db).to.equal(made.images?.other)
  })

  it('gives what it only names the config vars that it names, and its own code all', () => {
    const text = (more: string): string => `services:\n  web:\n    ports: ["80"]\n    ${more}\n`
    expect(plan(text('build: ./api')).settings?.web?.onlyNamed).to.equal(undefined)
    expect(plan(text('image: debian')).settings?.web?.onlyNamed).to.equal(true)
  })

  it('is read where nothing else says how the app is built, or where it is asked for', () => {
    const found = (files: Files, variables = {}): string =>
      withTree(files, (directory) => detect(directoryTree(directory), variables).found)
    const text = 'services: {web: {image: debian, ports: ["80"]}}'
    const dockerfile = { Dockerfile: 'FROM debian' }
    for (const name of ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'])
      expect(found({ [name]: text })).to.equal(name)
    expect(found({ 'docker-compose.yml': text, 'compose.yaml': text })).to.equal('compose.yaml')
    expect(found({ 'compose.yaml': text, ...dockerfile })).to.equal('Dockerfile')
    expect(found({ 'compose.yaml': text, ...dockerfile, '.berth-compose': 'compose.yaml\n' })).to.equal('compose.yaml')
    expect(found({ 'ops/x.yml': text, ...dockerfile }, { BERTH_COMPOSE_FILE: 'ops/x.yml' })).to.equal('ops/x.yml')
    expect(() => found({ ...dockerfile, '.berth-compose': '../x' })).to.throw(/the compose file to deploy is \.\.\/x/)
    expect(() => found(dockerfile, { BERTH_COMPOSE_FILE: 'no.yml' })).to.throw(/no such file/)
    const { notes } = plan(text, dockerfile)
    expect(notes.join()).to.match(/compose\.yaml is not read: .*berth deploy --compose compose\.yaml/)
  })

  it('names paths from its own folder', () => {
    const text = 'services: {web: {build: {context: .., dockerfile: ops/Dockerfile}, ports: ["80"], env_file: web.env}}'
    const files = { 'ops/compose.yaml': text, 'ops/Dockerfile': 'FROM debian', 'ops/web.env': 'A=1\n' }
    const made = withTree({ ...files, '.berth-compose': 'ops/compose.yaml' }, (directory) =>
      detect(directoryTree(directory)),
    )
    expect(made).to.include({ ownDockerfile: 'ops/Dockerfile' })
    expect(made.context).to.equal(undefined)
    expect(made.settings?.web?.environment).to.deep.equal({ A: '1' })
  })

  for (const [why, lines, wanted] of [
    ['web, whatever else has ports', 'web: {image: a}\n  api: {image: b, ports: ["1"]}', 'web'],
    ['the one with ports', 'db: {image: a}\n  site: {image: b, ports: ["1"]}', 'site'],
    [
      'the one that is built, of several with ports',
      'db: {image: a, ports: ["1"]}\n  x: {build: ./api, ports: ["2"]}',
      'x',
    ],
    ['app, where several have', 'app: {image: a, ports: ["1"]}\n  x: {image: b, ports: ["2"]}', 'app'],
    ['app, where none has', 'app: {image: a}\n  x: {image: b}', 'app'],
    ['the marked', 'a: {image: a, ports: ["1"]}\n  b: {image: b, x-berth: {web: true}}', 'b'],
    ['none', 'a: {image: a}\n  b: {image: b}', undefined],
  ] as const)
    it(`sends requests to ${why}`, () => {
      const made = plan(`services:\n  ${lines}\n`)
      expect(made.settings?.web?.networks?.[0]?.aliases[0]).to.equal(wanted)
      expect(made.notes.includes('no service has ports, or is named web: nothing answers requests')).to.equal(
        wanted === undefined,
      )
    })

  for (const [ports, wanted] of [
    ['["80"]', 80],
    ['["8080:80"]', 80],
    ['["127.0.0.1:8080:80/tcp"]', 80],
    ['["[::1]:8080:80"]', 80],
    ['["3000-3005:4000-4005"]', 4000],
    ['[22:22]', 22],
    ['["53:53/udp", 80]', 80],
    ['[{target: 81, published: "8080"}]', 81],
    ['[{target: 53, protocol: udp}, {target: 81}]', 81],
  ] as const)
    it(`reads ports ${ports}`, () =>
      expect(plan(`services: {web: {image: a, ports: ${ports}}}`).webPort).to.equal(wanted))

  it('takes the port that is exposed, or in PORT', () => {
    expect(plan('services: {web: {image: a, expose: ["81/tcp"]}}').webPort).to.equal(81)
    expect(plan('services: {web: {image: a, environment: {PORT: 82}}}').webPort).to.equal(82)
    expect(plan('services: {web: {image: a}}').webPort).to.equal(undefined)
  })

  for (const [lines, wanted] of [
    ['entrypoint: /entry.sh --x', { entrypoint: ['/entry.sh', '--x'] }],
    ['entrypoint: []\ncommand: ""', { entrypoint: [], command: [] }],
    ['command: null', {}],
    ['environment: {A: 1, B: true, C: "", D: }', { environment: { A: '1', B: 'true', C: '', D: null } }],
    ['environment: ["A=1=2", B, "C="]', { environment: { A: '1=2', B: null, C: '' } }],
    ['volumes: ["data:/d:ro"]', { volumes: [{ target: '/d', name: 'data', readOnly: true }] }],
    ['volumes: ["data:/d:rw,nocopy"]', { volumes: [{ target: '/d', name: 'data', noCopy: true }] }],
    [
      'volumes: [{type: volume, source: data, target: /d, volume: {subpath: a/b}}]',
      { volumes: [{ target: '/d', name: 'data', subpath: 'a/b' }] },
    ],
    ['tmpfs: /run:size=64m', { tmpfs: { '/run': 'size=64m' } }],
    ['tmpfs: [/a, /b]', { tmpfs: { '/a': '', '/b': '' } }],
    ['mem_limit: 1g\ncpus: 1.5\npids_limit: 99', { memory: 2 ** 30, cpus: 1.5, pids: 99 }],
    ['user: "1000:1000"\nworking_dir: /srv', { user: '1000:1000', workingDirectory: '/srv' }],
    ['read_only: yes\nshm_size: 1m', { readOnly: true, sharedMemory: 2 ** 20 }],
    ['cap_drop: [ALL]\nsecurity_opt: ["no-new-privileges:true"]', { droppedCapabilities: ['ALL'] }],
    [
      'ulimits: {nofile: 99, nproc: {soft: 1, hard: 2}}',
      {
        ulimits: [
          { name: 'nofile', soft: 99, hard: 99 },
          { name: 'nproc', soft: 1, hard: 2 },
        ],
      },
    ],
    ['extra_hosts: ["a:1.2.3.4", "b=::1"]', { hosts: ['a:1.2.3.4', 'b:::1'] }],
    ['hostname: here\ngroup_add: [7]', { hostname: 'here', groups: ['7'] }],
    ['container_name: c\nprivileged: false\nnetwork_mode: bridge', { networks: [{ name: '', aliases: ['x', 'c'] }] }],
  ] as const)
    it(`reads ${lines.replaceAll('\n', ', ')}`, () => {
      const { networks, onlyNamed, ...rest } = settings(lines)
      expect(onlyNamed).to.equal(true)
      expect('networks' in wanted ? { networks, ...rest } : rest).to.deep.equal(wanted)
    })

  it('has variables of env_files, what is in them being as it is', () => {
    const files = { 'a.env': 'A="1"\n# no\nB=x$Y\n', 'b.env': 'B=2' }
    expect(settings('env_file: a.env', files).environment).to.deep.equal({ A: '1', B: 'x$$Y' })
    const more = 'env_file: [a.env, {path: ./b.env}, {path: no.env, required: false}]\nenvironment: {A: over}'
    expect(settings(more, files).environment).to.deep.equal({ A: 'over', B: '2' })
  })

  it('has values of config vars in it, or else those of .env beside it', () => {
    const text = 'services: {web: {image: "a:${TAG:-1}", ports: ["${PORT_IN}"], environment: {X: "$TAG/$NAME"}}}'
    const files = { '.env': 'PORT_IN=81\nTAG=2\nNAME=n\nUNUSED=u\n' }
    expect(plan(text, files)).to.include({ dockerfile: 'FROM a:2\n', webPort: 81 })
    expect(plan(text, files, { TAG: '3' }).dockerfile).to.equal('FROM a:3\n')
    expect(plan(text, files).settings?.web?.defaults).to.deep.equal({ TAG: '2', NAME: 'n' })
  })

  it('leaves out services with profiles', () => {
    const made = plan('services:\n  web: {image: a}\n  debug: {image: b, profiles: [dev], privileged: true}\n')
    expect(Object.keys(made.processTypes)).to.deep.equal(['web'])
    expect(made.notes.join()).to.match(/compose\.yaml:3: services\.debug\.profiles is set, so debug is not started/)
  })

  it('tells what has no effect', () => {
    const { notes } = plan(
      'services:\n  web:\n    image: a\n    restart: "no"\n    tty: true\n    logging: {driver: syslog}\n    ports: ["80", "90"]\n    x-mine: 1\n    labels: {a: b}\n',
    )
    expect(notes).to.deep.equal([
      'compose.yaml:5: services.web.tty has no effect: processes have no terminal',
      'compose.yaml:6: services.web.logging has no effect: logs are kept by Berth: berth logs',
      'compose.yaml:4: services.web.restart is no: a process that ends is started again all the same; what runs once is for berth run, cron, or a release command',
      'web: of its ports the first, 80, answers requests',
    ])
  })
})
