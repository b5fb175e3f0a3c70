import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { must, run } from '../../run.js'
import { createApp, instance, type Instance, type Repository } from '../instance.js'
import { cutNetwork } from './cut.js'
import { generated, withoutFonts, type Generator } from './generated.js'

/** A push may install what fills half a gigabyte. */
const patience = 900_000

let berth: Instance

/** Pushes, and expects it to be taken. @returns the app, and what the push said */
async function pushed(repo: Repository, stem: string): Promise<{ app: string; said: string }> {
  const app = await createApp(berth, repo, stem)
  const push = await run('git', ['push', 'berth', 'main'], { cwd: repo.dir, env: berth.env, timeoutMs: patience })
  expect(push.code, push.stderr).to.equal(0)
  return { app, said: push.stderr }
}

before(async function () {
  this.timeout(600_000)
  berth = await instance()
})

describe('an app with a lock file', () => {
  it('is live with a changed line though nothing reaches the network, and asks it for nothing', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-express')
    const { app } = await pushed(repo, 'express')
    const text = await readFile(join(repo.dir, 'server.js'), 'utf8')
    await repo.commit({ 'server.js': text.replace('Hello from', 'Hi from') })
    await using cut = await cutNetwork(berth)
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr).not.to.match(/Running in/)
    expect(await cut.asked()).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('Hi from Express on Berth\n')
  })
})

describe('what generators write today', () => {
  const cases: readonly {
    name: string
    by: Generator
    says: string
    holds: RegExp
    change?: (dir: string) => Promise<void>
  }[] = [
    {
      name: 'Vite with React',
      by: ['create-vite@latest', 'app', '--template', 'react-ts', '--no-interactive'],
      says: 'Built with Vite; serving dist/',
      holds: /<div id="root">/,
    },
    {
      name: 'Vue',
      by: ['create-vue@latest', 'app', '--default'],
      says: 'Built with Vite; serving dist/',
      holds: /<div id="app">/,
    },
    {
      name: 'SvelteKit',
      by: ['sv@latest', 'create', 'app', '--template', 'minimal', '--types', 'ts', '--no-add-ons', '--no-install'],
      says: 'Built with SvelteKit; running `node build`',
      holds: /Welcome to SvelteKit/,
    },
    {
      name: 'Next.js',
      by: [
        'create-next-app@latest',
        'app',
        '--ts',
        '--app',
        '--no-tailwind',
        '--no-eslint',
        '--use-npm',
        '--skip-install',
        '--disable-git',
        '--yes',
      ],
      says: 'Node.js app (Next.js) detected',
      holds: /_next\/static/,
      change: withoutFonts,
    },
    {
      name: 'NestJS',
      by: ['@nestjs/cli@latest', 'new', 'app', '--package-manager', 'npm', '--skip-install', '--skip-git'],
      says: 'running `node dist/main`',
      holds: /^Hello World!$/,
    },
    {
      name: 'Angular',
      by: ['@angular/cli@latest', 'new', 'app', '--defaults', '--skip-install', '--skip-git'],
      says: 'the start script `ng serve` is not run: it is a development server',
      holds: /<app-root/,
    },
    {
      name: 'TanStack Start',
      by: ['@tanstack/create-start@latest', 'app', '--no-install', '--no-git'],
      says: 'Node.js app (TanStack Start) detected',
      holds: /<html/,
    },
    {
      name: 'Docusaurus',
      by: ['create-docusaurus@latest', 'app', 'classic', '--skip-install', '--typescript'],
      says: 'Built with Docusaurus; serving build/',
      holds: /docusaurus/i,
    },
  ]
  for (const { name, by, says, holds, change } of cases)
    it(`${name} is live as it lies`, async function () {
      this.timeout(2 * patience)
      await using app = await generated(by)
      await change?.(app.directory)
      const repo = await berth.repository({ '.berth-test': '' })
      await cp(app.directory, repo.dir, { recursive: true })
      await repo.commit({ '.berth-test': null })
      const { app: host, said } = await pushed(repo, 'made')
      expect(said).to.include(says)
      const { status, body } = await berth.curl(host)
      expect(status).to.equal(200)
      expect(body).to.match(holds)
    })
})

const typescript: Record<string, string> = {
  'tsconfig.json': JSON.stringify({
    compilerOptions: { outDir: 'dist', module: 'nodenext', target: 'es2022', skipLibCheck: true, types: ['node'] },
    include: ['src'],
  }),
  'src/server.ts': `import express from 'express'
import { readdirSync } from 'node:fs'
express().get('/', (_q, s) => { s.send(readdirSync('node_modules').filter((one) => one === 'express' || one === 'typescript').join()) }).listen(Number(process.env.PORT))\n`,
}

const fields = {
  name: 'managed',
  version: '1.0.0',
  type: 'module',
  scripts: { build: 'tsc', start: 'node dist/server.js' },
  dependencies: { express: '^5.1.0' },
  devDependencies: { typescript: '^5.9.0', '@types/express': '^5.0.0', '@types/node': '^24.0.0' },
}

describe('package managers', () => {
  for (const [name, lock] of [
    ['yarn@1', ['install', '--ignore-scripts']],
    ['@yarnpkg/cli-dist@4', ['install', '--mode=update-lockfile']],
    ['pnpm@9', ['install', '--lockfile-only']],
    ['pnpm@10', ['install', '--lockfile-only']],
    ['bun@1', ['install', '--lockfile-only']],
  ] as const)
    it(`${name} installs by the lock file that it wrote, and leaves out what is for development`, async function () {
      this.timeout(2 * patience)
      const files = { 'package.json': JSON.stringify(fields), ...typescript, '.gitignore': 'node_modules\n' }
      const repo = await berth.repository(name.includes('yarnpkg') ? { ...files, 'yarn.lock': '' } : files)
      const registry = await must('npm', ['config', 'get', 'registry'], {})
      const env = {
        ...process.env,
        npm_config_yes: 'true',
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
        YARN_NPM_REGISTRY_SERVER: registry.trim(),
      }
      const program = /yarn/.test(name) ? 'yarn' : name.replace(/@.*/, '')
      await must('npx', [`--package=${name}`, program, ...lock], { cwd: repo.dir, env, timeoutMs: 300_000 })
      await repo.commit({})
      const { app, said } = await pushed(repo, 'managed')
      expect(said).not.to.include('versions may differ')
      expect(await berth.curl(app)).to.deep.equal({ status: 200, body: 'express' })
    })
})

describe('packages that are compiled', () => {
  it('better-sqlite3 is, without a download, and its compiler is not in the image', async function () {
    this.timeout(2 * patience)
    const repo = await berth.repository({
      'package.json': JSON.stringify({
        name: 'sqlite',
        scripts: { start: 'node s.js' },
        dependencies: { 'better-sqlite3': '^12.0.0' },
      }),
      's.js': `const db = new (require('better-sqlite3'))(':memory:')
require('http').createServer((q, s) => s.end(db.prepare('select 6 * 7 as n').get().n + ' ' + require('fs').existsSync('/usr/bin/g++'))).listen(process.env.PORT)\n`,
    })
    const { app } = await pushed(repo, 'sqlite')
    expect(await berth.curl(app)).to.deep.equal({ status: 200, body: '42 false' })
  })
})

describe('workspaces', () => {
  const members = (on: string): Record<string, string> => ({
    'packages/lib/package.json': JSON.stringify({
      name: '@ws/lib',
      version: '1.0.0',
      type: 'module',
      main: 'dist/index.js',
      scripts: { build: 'tsc --outDir dist --declaration --module nodenext --target es2022 src/index.ts' },
    }),
    'packages/lib/src/index.ts': "export const greet = (name: string): string => 'hello ' + name\n",
    'apps/api/package.json': JSON.stringify({
      name: '@ws/api',
      version: '1.0.0',
      type: 'module',
      scripts: {
        build: 'tsc --outDir dist --module nodenext --target es2022 --types node src/server.ts',
        start: 'node dist/server.js',
      },
      dependencies: { '@ws/lib': on, 'is-odd': '^3.0.1' },
      devDependencies: { '@types/node': '^24.0.0' },
    }),
    'apps/api/src/server.ts': `import { greet } from '@ws/lib'
import { createServer } from 'node:http'
createServer((_q, s) => s.end(greet(process.cwd()))).listen(Number(process.env.PORT))\n`,
  })
  const root = { name: 'ws', private: true, devDependencies: { typescript: '^5.9.0' } }
  for (const [name, files] of [
    ['npm', { 'package.json': JSON.stringify({ ...root, workspaces: ['apps/*', 'packages/*'] }), ...members('1.0.0') }],
    [
      'pnpm',
      {
        'package.json': JSON.stringify({ ...root, packageManager: 'pnpm@9.15.9' }),
        'pnpm-workspace.yaml': 'packages:\n  - apps/*\n  - packages/*\n',
        ...members('workspace:*'),
      },
    ],
  ] as const)
    it(`of ${name} build what their app needs, and it runs in its folder`, async function () {
      this.timeout(2 * patience)
      const { app, said } = await pushed(await berth.repository(files), 'ws')
      expect(said).to.include('apps/api is deployed')
      expect(await berth.curl(app)).to.deep.equal({ status: 200, body: 'hello /app/apps/api' })
    })
})
