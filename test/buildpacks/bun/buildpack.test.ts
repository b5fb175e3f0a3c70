import { expect } from 'chai'
import { apart, apartAt } from '../../../src/buildpacks/apart.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const started = pkg({ scripts: { start: 'bun src/index.ts' }, dependencies: { hono: '4' } })
const bun = (fields: object, more: Files = {}): ReturnType<typeof planOf> =>
  planOf({ 'bun.lock': '{}', 'package.json': pkg(fields), ...more })
const steps = (dockerfile: string): string[] =>
  dockerfile
    .replaceAll(/--mount=\S+ |BUN_INSTALL\S+ /g, '')
    .split('\n')
    .filter((line) => /^(?:FROM|COPY .*(?:chown)|RUN (?:bun|rm|mkdir)|CMD)/.test(line))
    .slice(2)

describe('the Bun buildpack', () => {
  it('installs from the lock file before the code is there, without Node.js in the image', () => {
    const { dockerfile, ...plan } = planOf({ 'bun.lock': '{}', 'package.json': started, 'bunfig.toml': '' })
    expect(plan).to.deep.include({ buildpack: 'bun', version: '1', processTypes: { web: 'bun src/index.ts' } })
    expect(steps(dockerfile)).to.deep.equal([
      'FROM base',
      'COPY --chown=app:app package.json ./',
      'COPY --chown=app:app bun.lock ./',
      'COPY --chown=app:app bunfig.toml ./',
      'RUN bun install --frozen-lockfile --production',
      'COPY --chown=app:app . .',
      'CMD ["/bin/sh","-c","exec bun src/index.ts"]',
    ])
  })

  it('builds in a stage of its own', () => {
    const { dockerfile } = bun({
      scripts: { start: 'bun run dist/index.js', build: 'bun build src/index.ts --outdir dist' },
      devDependencies: { typescript: '5' },
    })
    expect(steps(dockerfile)).to.deep.equal([
      'FROM base AS dependencies',
      'COPY --chown=app:app package.json ./',
      'COPY --chown=app:app bun.lock ./',
      'RUN bun install --frozen-lockfile',
      'FROM dependencies AS production',
      'RUN rm -rf node_modules && bun install --frozen-lockfile --production --ignore-scripts && mkdir -p node_modules',
      'FROM dependencies AS build',
      'COPY --chown=app:app . .',
      `RUN bun run build && ${apart}`,
      'FROM base',
      'COPY --from=production --chown=app:app /app/node_modules /app/node_modules',
      `COPY --from=build --chown=app:app ${apartAt} /app`,
      'CMD ["/bin/sh","-c","exec bun run dist/index.js"]',
    ])
  })

  it('starts what Bun runs: a script, or a module in TypeScript, without watching', () => {
    const web = (fields: object, more: Files = {}) => bun(fields, more).processTypes.web
    expect(web({ module: 'index.ts' }, { 'index.ts': '' })).to.equal('bun index.ts')
    expect(web({}, { 'src/index.ts': '' })).to.equal('bun src/index.ts')
    expect(web({ scripts: { start: 'bun --hot run index.ts' } })).to.equal('bun run index.ts')
    expect(web({ scripts: { start: 'bun run serve', serve: 'bun index.ts' } })).to.equal('bun run serve')
    expect(web({}, { Procfile: 'web: bun a.ts\nworker: bun b.ts' })).to.equal('bun a.ts')
    expect(web({ scripts: { prestart: 'bun a.ts', start: 'bun b.ts' } })).to.equal('bun run start')
  })

  it('knows an app without a lock file by what it is written with', () => {
    const web = (fields: object, more: Files = {}) => planOf({ 'package.json': pkg(fields), ...more })
    const file = { 'src/main.ts': '', 'src/index.ts': '' }
    const told = web({ scripts: { dev: 'bun run --watch src/main.ts' }, dependencies: { elysia: '1' } }, file)
    expect([told.buildpack, told.processTypes.web]).to.deep.equal(['bun', 'bun src/main.ts'])
    const typed = web({ module: 'src/index.js', devDependencies: { '@types/bun': '1' } }, file)
    expect([typed.buildpack, typed.processTypes.web]).to.deep.equal(['bun', 'bun src/index.ts'])
    const nodes = web({ scripts: { start: 'node a.js' }, devDependencies: { 'bun-types': '1' } }, file)
    expect(nodes.buildpack).to.equal('nodejs')
  })

  it('leaves to Node.js what Node.js runs', () => {
    const left: Readonly<Record<string, Files>> = {
      'a start script of node': { 'package.json': pkg({ scripts: { start: 'node index.js' } }), 'bun.lock': '{}' },
      'a program of a package': {
        'package.json': pkg({ scripts: { start: 'bun run next start' }, dependencies: { next: '16' } }),
        'bun.lock': '{}',
      },
      'a lock file of npm': {
        'package.json': pkg({ module: 'index.ts', main: 'x.js' }),
        'package-lock.json': '{}',
        'x.js': '',
      },
      'a worker of node': { 'package.json': started, 'bun.lock': '{}', Procfile: 'web: bun a.ts\nworker: node b.js' },
      'what is compiled': {
        'package.json': pkg({ scripts: { start: 'bun a.ts' }, dependencies: { sqlite3: '5' } }),
        'bun.lock': '{}',
      },
      'a workspace': { 'package.json': pkg({ workspaces: ['a'], scripts: { start: 'bun a/x.ts' } }), 'bun.lock': '{}' },
    }
    for (const [what, files] of Object.entries(left)) expect(planOf(files).buildpack, what).to.equal('nodejs')
  })

  it('takes the version that is named, and refuses what is none', () => {
    const version = (fields: object, more: Files = {}) =>
      bun({ scripts: { start: 'bun a.ts' }, ...fields }, more).version
    expect(version({ packageManager: 'bun@1.3.0' })).to.equal('1.3.0')
    expect(version({ engines: { bun: '~1.2.0' } })).to.equal('~1.2.0')
    expect(version({}, { '.bun-version': '1.1.8\n' })).to.equal('1.1.8')
    expect(complaintOf({ 'package.json': started, 'bun.lock': '', '.bun-version': 'x; id' })).to.match(
      /^\.bun-version: "x; id" is no version of Bun\n/,
    )
  })
})
