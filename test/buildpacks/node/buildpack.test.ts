import { expect } from 'chai'
import { apart, apartAt } from '../../../src/buildpacks/apart.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const start = { scripts: { start: 'node server.js' } }
const lock = '{"lockfileVersion":3}'
const dependencies = { express: '^5.0.0' }

/** Those of some lines that are among the expected, in their own order. */
const among = (found: readonly string[], expected: readonly string[]): string[] =>
  found.filter((line) => expected.includes(line))

const lines = (files: Parameters<typeof planOf>[0]): string[] => planOf(files).dockerfile.trim().split('\n')

describe('a Node.js app', () => {
  it('without dependencies needs no installation', () => {
    expect(lines({ 'package.json': pkg(start), 'server.js': '' })).to.deep.equal([
      'FROM node:24-bookworm-slim',
      'ENV NODE_ENV=production HOST=0.0.0.0 PATH=/app/node_modules/.bin:$PATH',
      'WORKDIR /app',
      'RUN chown node:node /app',
      'USER node',
      'COPY --chown=node:node . .',
      'CMD ["/bin/sh","-c","exec node server.js"]',
    ])
  })

  it('with a lock file is installed from it, before its code is copied', () => {
    const expected = [
      'COPY --chown=node:node package.json package-lock.json ./',
      'RUN --mount=type=cache,target=/home/node/.npm,uid=1000,gid=1000 npm ci --omit=dev --no-audit --no-fund --no-update-notifier',
      'COPY --chown=node:node . .',
    ]
    const found = lines({ 'package.json': pkg({ ...start, dependencies }), 'package-lock.json': lock })
    expect(among(found, expected)).to.deep.equal(expected)
  })

  it('without a lock file is installed, with a note that versions may differ', () => {
    const plan = planOf({ 'package.json': pkg({ ...start, dependencies }) })
    expect(plan.dockerfile).to.include('npm install --omit=dev')
    expect(plan.notes.join()).to.include('package-lock.json')
  })

  it('gets its .npmrc before the installation', () => {
    const files = { 'package.json': pkg({ ...start, dependencies }), 'npm-shrinkwrap.json': lock, '.npmrc': '' }
    expect(lines(files)).to.include('COPY --chown=node:node package.json npm-shrinkwrap.json .npmrc ./')
  })

  it('is built with its dev dependencies, which the image does not get, and a change of code installs nothing', () => {
    const scripts = { ...start.scripts, build: 'tsc' }
    const files = { 'package.json': pkg({ scripts, devDependencies: { typescript: '6' } }), 'package-lock.json': lock }
    const cached = 'RUN --mount=type=cache,target=/home/node/.npm,uid=1000,gid=1000'
    const quiet = '--no-audit --no-fund --no-update-notifier'
    const place = [
      'ENV NODE_ENV=production HOST=0.0.0.0 PATH=/app/node_modules/.bin:$PATH',
      'WORKDIR /app',
      'RUN chown node:node /app',
      'USER node',
    ]
    expect(lines(files)).to.deep.equal([
      'FROM node:24-bookworm-slim AS dependencies',
      ...place,
      'COPY --chown=node:node package.json package-lock.json ./',
      `${cached} npm ci --include=dev ${quiet}`,
      '',
      'FROM dependencies AS production',
      `${cached} npm prune --omit=dev --ignore-scripts ${quiet} && mkdir -p node_modules`,
      '',
      'FROM dependencies AS build',
      'COPY --chown=node:node . .',
      `${cached} npm run build && ${apart}`,
      '',
      'FROM node:24-bookworm-slim',
      ...place,
      'COPY --from=production --chown=node:node /app/node_modules /app/node_modules',
      `COPY --from=build --chown=node:node ${apartAt} /app`,
      'CMD ["/bin/sh","-c","exec node server.js"]',
    ])
  })

  it('whose build has a cache in its folder is taken out of it when that is not mounted any more', () => {
    const build = { ...start.scripts, build: 'next build' }
    const found = lines({
      'package.json': pkg({
        scripts: build,
        dependencies: { next: '15', react: '19' },
        devDependencies: { typescript: '5' },
      }),
      'package-lock.json': lock,
    })
    const built = found.findIndex((line) => line.includes('npm run build'))
    expect(found[built]).to.include('.next/cache').and.not.to.include(apart)
    expect(found[built + 1]).to.equal(`RUN ${apart}`)
  })

  it('whose build writes into node_modules is pruned after it', () => {
    const scripts = { ...start.scripts, build: 'tsc' }
    const found = lines({
      'package.json': pkg({ scripts, dependencies: { '@prisma/client': '6' } }),
      'package-lock.json': lock,
    })
    const at = (part: string): number => found.findIndex((line) => line.includes(part))
    expect(at('npm run build')).to.be.above(0).and.below(at('npm prune'))
    expect(found).to.include('COPY --from=build --chown=node:node /app /app')
  })

  it('has its install scripts run when its code is there, so that its code does not decide what is installed', () => {
    const scripts = { ...start.scripts, prepare: 'husky', postinstall: 'node patch.js', preinstall: 'x' }
    const found = lines({ 'package.json': pkg({ scripts, dependencies }), 'package-lock.json': lock })
    const at = (part: string): number => found.findIndex((line) => line.includes(part))
    const order = [
      'npm pkg delete scripts.preinstall scripts.postinstall scripts.prepare && npm ci',
      'COPY --chown=node:node . .',
      'npm run preinstall',
      'npm run postinstall',
      'npm run prepare',
    ]
    expect(order.map(at))
      .to.deep.equal(order.map(at).toSorted((a, b) => a - b))
      .and.not.to.include(-1)
    const all = lines({ 'package.json': pkg({ scripts: { ...scripts, install: 'y' }, dependencies }) })
    // it brings the two around it
    expect(all.filter((line) => line.includes('npm run '))).to.have.length(2)
  })

  for (const [name, fields] of Object.entries({
    workspaces: { ...start, dependencies, workspaces: ['packages/*'] },
    'a local dependency': { ...start, dependencies: { mine: 'file:./mine' } },
  }))
    it(`with ${name} is copied whole before it is installed`, () => {
      const found = lines({ 'package.json': pkg(fields), 'package-lock.json': lock })
      expect(found.filter((line) => line.startsWith('COPY'))).to.deep.equal(['COPY --chown=node:node . .'])
      expect(found.findIndex((line) => line.startsWith('COPY'))).to.be.below(
        found.findIndex((line) => line.includes('npm ci')),
      )
    })

  it('has the hooks of Heroku run where Heroku runs them', () => {
    const hooks = Object.fromEntries(
      ['heroku-prebuild', 'build', 'heroku-postbuild', 'heroku-cleanup'].map((name) => [name, `echo ${name}`]),
    )
    const run = (more: object): string[] =>
      lines({ 'package.json': pkg({ scripts: { start: 'node server.js', ...hooks }, ...more }) }).flatMap(
        (line) => /^RUN .*?npm ((?:run )?[\w-]+)/.exec(line)?.[1] ?? [],
      )
    const [before, after] = [['run heroku-prebuild'], ['run heroku-postbuild']]
    expect(run({ dependencies: { ms: '2' } })).to.deep.equal([
      ...before,
      'install',
      ...after,
      'prune',
      'run heroku-cleanup',
    ])
    expect(run({})).to.deep.equal([...before, ...after, 'run heroku-cleanup'])
  })

  it('leaves node_modules and .git out, and what the app itself leaves out', () => {
    const { dockerignore, notes } = planOf({
      'package.json': pkg(start),
      '.dockerignore': 'docs\n!docs/api.md',
      'node_modules/x/index.js': '',
    })
    const expected = ['.git', '**/node_modules', 'docs', '!docs/api.md']
    expect(among(dockerignore.split('\n'), expected)).to.deep.equal(expected)
    expect(notes.join()).to.include('node_modules is in git')
  })

  describe('is started by', () => {
    const web = (files: Parameters<typeof planOf>[0]) => planOf(files).processTypes.web
    it('the web line of its Procfile, before its start script', () =>
      expect(web({ 'package.json': pkg(start), Procfile: 'web: node other.js' })).to.equal('node other.js'))
    it('its start script', () => expect(web({ 'package.json': pkg(start) })).to.equal('node server.js'))
    it('npm, when there is more to its start script than a line', () => {
      const scripts = { prestart: 'node check.js', start: 'node server.js' }
      expect(web({ 'package.json': pkg({ scripts }) })).to.equal('npm run start')
    })
    it('its main file', () =>
      expect(web({ 'package.json': pkg({ main: 'lib/app' }), 'lib/app.js': '' })).to.equal('node lib/app.js'))
    it('server.js', () => expect(web({ 'package.json': pkg(), 'server.js': '' })).to.equal('node server.js'))
    it('what a compiler makes of the file that is developed, where no script starts it', () => {
      const typescript = (
        scripts: object,
        more: Files,
        config = '{ // "outDir": "no"\n  "compilerOptions": { "outDir": "./out" } }',
      ) =>
        web({
          'package.json': pkg({ scripts, main: 'index.js', dependencies: { express: '5' } }),
          'tsconfig.json': config,
          ...more,
        })
      const file = { 'src/http.ts': '', 'src/index.ts': '' }
      expect(typescript({ build: 'tsc', dev: 'tsx watch src/http.ts' }, file)).to.equal('node out/http.js')
      expect(typescript({ build: 'rimraf out && tsc -p .' }, file)).to.equal('node out/index.js')
      expect(typescript({ build: 'tsc' }, file, '{}')).to.equal('node src/index.js')
      expect(typescript({ build: 'tsup src/http.ts' }, file, '{}')).to.equal('node dist/http.js')
      expect(typescript({ build: 'tsc && vite build' }, file)).to.equal('serve-site')
      expect(typescript({ build: 'tsc', 'start:prod': 'node out/main' }, file)).to.equal('node out/main')
      const site = pkg({ scripts: { build: 'vite build', 'start:prod': 'serve dist' }, devDependencies: { vite: '8' } })
      expect(web({ 'package.json': site })).to.equal('serve-site')
    })
    it('a file of another usual name, where no build says that it may be for a browser', () => {
      expect(web({ 'package.json': pkg(), 'app.js': '', 'src/index.js': '' })).to.equal('node app.js')
      expect(web({ 'package.json': pkg(), 'src/server.mjs': '' })).to.equal('node src/server.mjs')
      const watched = pkg({ scripts: { dev: 'node --watch lib/http.js' } })
      expect(web({ 'package.json': watched, 'lib/http.js': '' })).to.equal('node lib/http.js')
      expect(web({ 'package.json': pkg({ scripts: { build: 'webpack' } }), 'src/index.js': '' })).to.equal('serve-site')
      expect(web({ 'package.json': pkg({ devDependencies: { vite: '8' } }), 'src/main.js': '' })).to.equal('serve-site')
    })
    it('a main file with an odd name', () =>
      expect(web({ 'package.json': pkg({ main: "it's.js" }), "it's.js": '' })).to.equal(`node 'it'\\''s.js'`))
    it('nothing, if its Procfile has other processes only', () => {
      const plan = planOf({ 'package.json': pkg(), Procfile: 'worker: node jobs.js' })
      expect(plan.processTypes).to.deep.equal({ worker: 'node jobs.js' })
      expect(plan.dockerfile).not.to.include('CMD')
    })
    it('something, or it is told what is missing', () =>
      expect(complaintOf({ 'package.json': pkg({ main: 'gone.js' }) })).to.include('does not say how to start the app'))
  })

  it('has the process types of its Procfile, and no web where that names others only', () => {
    const types = (Procfile: string) => planOf({ 'package.json': pkg(start), Procfile }).processTypes
    expect(types('release: node migrate.js\nworker: node jobs.js')).to.deep.equal({
      release: 'node migrate.js',
      worker: 'node jobs.js',
    })
    // a release command alone does not say what runs
    expect(types('release: node migrate.js')).to.deep.equal({ web: 'node server.js', release: 'node migrate.js' })
    expect(Object.keys(types('constructor: a\ntoString: b\nvalueOf: c'))).to.deep.equal([
      'constructor',
      'toString',
      'valueOf',
    ])
  })

  for (const file of ['package.json5', 'package.yaml'])
    it(`says that ${file} is no package.json`, () =>
      expect(complaintOf({ [file]: '', 'main.js': '' })).to.include(`write ${file} as package.json`))

  it('names the projects of an Nx workspace that starts nothing', () => {
    const files = { 'package.json': pkg({ devDependencies: { nx: '20' } }), 'nx.json': '{}' }
    expect(complaintOf({ ...files, 'apps/web/project.json': '{}', 'apps/api/project.json': '{}' }))
      .to.include('apps/api, apps/web')
      .and.to.include('"build": "nx build api"')
    expect(complaintOf(files)).to.include('does not say how to start')
  })

  for (const [what, fields, staged] of [
    ['a build script', { scripts: { ...start.scripts, build: 'vite build' }, devDependencies: { vite: '8' } }, true],
    [
      'prepare that needs what is for development',
      { scripts: { ...start.scripts, prepare: 'husky' }, devDependencies: { husky: '9' } },
      true,
    ],
    [
      'postinstall without anything for development',
      { scripts: { ...start.scripts, postinstall: 'node x.js' }, dependencies },
      false,
    ],
    [
      'dependencies for development that nothing needs',
      { ...start, dependencies, devDependencies: { eslint: '9' } },
      false,
    ],
  ] as const)
    it(`with ${what} has ${staged ? 'a stage for the build alone' : 'one stage'}`, () => {
      const found = lines({ 'package.json': pkg(fields), 'package-lock.json': lock })
      expect(found.filter((line) => line.startsWith('FROM node:'))).to.have.length(staged ? 2 : 1)
      expect(found.join('\n')).to.include(staged ? '--include=dev' : '--omit=dev')
      expect(found.filter((line) => line.startsWith('USER'))).to.have.length(staged ? 2 : 1)
    })

  it('is told where its package.json is not JSON', () => {
    expect(complaintOf({ 'package.json': '{\n  "name": "app",\n  "scripts": {\n    start: "node ."\n' })).to.include(
      'package.json:4:5: not JSON: unexpected "s"',
    )
    expect(complaintOf({ 'package.json': '' })).to.include('package.json:1:1: not JSON: the file ends too early')
  })

  it('is told which field of its package.json is of the wrong kind', () => {
    expect(complaintOf({ 'package.json': pkg({ scripts: { start: 1 } }) })).to.match(/package\.json: .*scripts\.start/)
    expect(complaintOf({ 'package.json': '[]' })).to.match(/package\.json: .*expected object/)
  })
})
