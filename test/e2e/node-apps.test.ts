import { expect } from 'chai'
import Docker from 'dockerode'
import { createApp, instance, type Instance, type Repository } from './instance.js'

const server = (body: string): string =>
  `require('http').createServer((req, res) => { ${body} }).listen(process.env.PORT, process.env.HOST)\n`

/** A package of the tree's own, with a command: nothing is fetched for it. */
const tool = (name: string, program: string): Record<string, string> => ({
  [`tools/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', bin: { [name]: 'run.js' } }),
  [`tools/${name}/run.js`]: `#!/usr/bin/env node\n${program}\n`,
})

describe('Node.js apps as people have them', () => {
  let berth: Instance
  before(async function () {
    this.timeout(600_000)
    berth = await instance()
  })

  async function pushed(
    stem: string,
    files: Record<string, string>,
    ...set: string[]
  ): Promise<{ app: string; repo: Repository }> {
    const repo = await berth.repository(files)
    const app = await createApp(berth, repo, stem)
    if (set.length > 0) expect((await berth.berth(['config:set', ...set, '-a', app])).code).to.equal(0)
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    return { app, repo }
  }

  it('are built with what is for development, which is gone from the image, and may write what they built', async function () {
    this.timeout(600_000)
    const { app } = await pushed(
      'built',
      {
        'package.json': JSON.stringify({
          name: 'built',
          version: '1.0.0',
          scripts: { prepare: 'prepares', build: 'builds', start: 'node dist/server.js' },
          dependencies: { kept: 'file:./tools/kept' },
          devDependencies: { prepares: 'file:./tools/prepares', builds: 'file:./tools/builds' },
        }),
        ...tool('kept', ''),
        ...tool('prepares', "require('fs').writeFileSync('prepared', process.env.VITE_TITLE)"),
        ...tool(
          'builds',
          `const fs = require('fs')
fs.mkdirSync('dist'); fs.mkdirSync('.next/cache', { recursive: true }); fs.mkdirSync('node_modules/.cache', { recursive: true })
fs.writeFileSync('dist/server.js', ${JSON.stringify(
            server(`
  const fs = require('fs'); fs.writeFileSync('.next/cache/x', ''); fs.writeFileSync('node_modules/.cache/x', ''); fs.writeFileSync('new', '')
  res.end(JSON.stringify({ title: fs.readFileSync('prepared', 'utf8'), node_modules: fs.readdirSync('node_modules').sort(), docker: fs.existsSync('/.dockerenv'), host: process.env.HOST }))`),
          )})`,
        ),
      },
      'VITE_TITLE=a title of the config vars',
      'NPM_TOKEN=xyzzy-and-more',
    )
    const { body } = await berth.curl(app)
    expect(JSON.parse(body)).to.deep.equal({
      title: 'a title of the config vars',
      node_modules: ['.bin', '.cache', '.package-lock.json', 'kept'].filter(
        (name) => name !== '.bin' || body.includes('.bin'),
      ),
      docker: true,
      host: '0.0.0.0',
    })
    const docker = new Docker({ socketPath: berth.config.engineSocket })
    const [image] = (await docker.listImages({ filters: { label: ['berth.app'] } })).filter(({ RepoTags = [] }) =>
      RepoTags.some((tag) => tag.includes(app)),
    )
    const made = docker.getImage(image?.Id ?? '')
    const shown: unknown = await made.inspect()
    const history: unknown = await made.history()
    expect(JSON.stringify([shown, history])).not.to.match(/xyzzy|a title of the/)
  })

  it('that are front ends are built and served, with the start page for paths that the browser routes', async function () {
    this.timeout(300_000)
    const repo = await berth.repository({
      'package.json': JSON.stringify({
        name: 'front',
        version: '1.0.0',
        scripts: { start: 'vite', build: 'vite build' },
        devDependencies: { vite: 'file:./tools/vite', react: 'file:./tools/react' },
      }),
      ...tool('react', ''),
      ...tool(
        'vite',
        "const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', 'front of ' + process.argv[2]); fs.writeFileSync('dist/a.js', 'x')",
      ),
    })
    const app = await createApp(berth, repo, 'front')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr)
      .to.include('Built with Vite; serving dist/')
      .and.to.include('the start script `vite` is not run: it is a development server')
    for (const [path, status, holds] of [
      ['/', 200, 'front of build'],
      ['/users/7', 200, 'front of build'],
      ['/a.js', 200, 'x'],
      ['/gone.js', 404, ''],
      ['/package.json', 404, ''],
    ] as const) {
      const answer = await berth.curl(app, path)
      expect(answer.status, path).to.equal(status)
      expect(answer.body, path)
        .to.include(holds)
        .and.not.to.include(status === 404 ? 'front of' : '404')
    }
  })

  it('that are a workspace deploy the package that is named, or a folder of their own', async function () {
    this.timeout(300_000)
    const start = { scripts: { start: 'node s.js' } }
    const repo = await berth.repository({
      'package.json': JSON.stringify({ name: 'top', private: true, workspaces: ['apps/*', 'packages/*'] }),
      'packages/greet/package.json': JSON.stringify({
        name: '@x/greet',
        version: '1.0.0',
        main: 'dist.js',
        scripts: { build: 'echo "module.exports = 7" > dist.js' },
      }),
      'apps/api/package.json': JSON.stringify({
        name: '@x/api',
        version: '1.0.0',
        ...start,
        dependencies: { '@x/greet': '1.0.0' },
      }),
      'apps/api/s.js': server("res.end(require('@x/greet') + ' ' + process.cwd())"),
      'apps/admin/package.json': JSON.stringify({ name: '@x/admin', version: '1.0.0', ...start }),
      'brochure/index.html': 'a brochure',
    })
    const app = await createApp(berth, repo, 'workspace')
    const refused = await repo.push()
    expect([refused.code, refused.stderr]).to.deep.equal([1, refused.stderr])
    expect(refused.stderr)
      .to.include('can be deployed: apps/admin, apps/api')
      .and.to.include('berth builds:set dir=apps/api')
    for (const [named, body] of [
      ['@x/api', '7 /app/apps/api'],
      ['brochure', 'a brochure'],
    ] as const) {
      expect((await berth.berth(['builds:set', `dir=${named}`, '-a', app])).code).to.equal(0)
      await repo.commit({})
      const push = await repo.push()
      expect(push.code, push.stderr).to.equal(0)
      expect(await berth.curl(app)).to.deep.equal({ status: 200, body })
    }
  })

  it('have yarn, pnpm, corepack and git to build with, and the version that they pin', async function () {
    this.timeout(600_000)
    const { app } = await pushed('pinned', {
      'package.json': JSON.stringify({ name: 'pinned', engines: { node: '20.11.1' }, scripts: { start: 'node s.js' } }),
      's.js': server("res.end(process.version + ' ' + require('fs').readdirSync('/').join())"),
    })
    const { body } = await berth.curl(app)
    expect(body).to.match(/^v20\.11\.1 /)
    expect(body).not.to.match(/Dockerfile|package/)
    const tools =
      'for one in npm npx yarn yarnpkg corepack pnpm pnpx git node; do command -v "$one" || echo "no $one"; done; yarn --version; git --version'
    const { stdout } = await berth.berth(['run', tools, '-a', app])
    expect(stdout).not.to.include('no ')
    expect(stdout).to.include('1.22.').and.to.include('git version')
  })

  it('are asked at the port that they name, where they look up no PORT', async function () {
    this.timeout(300_000)
    const { app } = await pushed('named', {
      'package.json': JSON.stringify({ name: 'named', main: 'app.js' }),
      'app.js': "const port = 3000\nrequire('http').createServer((req, res) => res.end('there')).listen(port)\n",
    })
    expect((await berth.curl(app)).body).to.equal('there')
  })

  it('run on the newest Node.js, which was run before it was called made', async function () {
    this.timeout(600_000)
    const { app } = await pushed('newest', {
      'package.json': JSON.stringify({ name: 'newest', engines: { node: '26.x' }, scripts: { start: 'node s.js' } }),
      's.js': server('res.end(process.version)'),
    })
    expect((await berth.curl(app)).body).to.match(/^v26\./)
  })

  it('that npm refuses are told why first, without the usage of npm', async function () {
    this.timeout(300_000)
    const lock = { name: 'out', lockfileVersion: 3, requires: true, packages: { '': { name: 'out' } } }
    const repo = await berth.repository({
      'package.json': JSON.stringify({
        name: 'out',
        scripts: { start: 'node x' },
        dependencies: { 'is-odd': '^3.0.1' },
      }),
      'package-lock.json': JSON.stringify(lock),
    })
    const app = await createApp(berth, repo, 'out')
    const push = await repo.push()
    expect(push.code).to.equal(1)
    expect(push.stderr).to.match(/! {5}npm: `npm ci` can only install packages when .* are in sync/)
    const { stdout } = await berth.berth(['builds:info', '-a', app, '--json'])
    expect((JSON.parse(stdout) as { failure: string }).failure).to.match(/^npm: `npm ci` can only/)
  })
})
