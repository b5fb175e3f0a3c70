import { expect } from 'chai'
import { choose } from '../../../src/buildpacks/node/choice.js'
import { parsePackageJson } from '../../../src/buildpacks/node/package-json.js'
import { builtBefore, membersOf } from '../../../src/buildpacks/node/workspace.js'
import { detect } from '../../../src/buildpacks/detect.js'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { BerthError } from '../../../src/errors.js'
import { pkg, withTree, type Files } from '../trees.js'

const library = pkg({ name: '@x/lib', scripts: { build: 'tsc' }, exports: './dist/index.js' })
const api = pkg({
  name: '@x/api',
  scripts: { build: 'tsc', start: 'node dist/server.js' },
  dependencies: { '@x/lib': '*' },
})
const site = pkg({
  name: '@x/site',
  scripts: { dev: 'vite', build: 'vite build' },
  devDependencies: { vite: '8', react: '19' },
})
const root = { private: true, workspaces: ['apps/*', 'packages/*'], devDependencies: { typescript: '6' } }
const workspace: Files = {
  'package.json': pkg(root),
  'package-lock.json': '{}',
  'apps/api/package.json': api,
  'packages/lib/package.json': library,
}

const found = (files: Files): string[] =>
  withTree(files, (directory) => {
    const tree = directoryTree(directory)
    return membersOf(tree, parsePackageJson(tree.read('package.json') ?? '')).map((one) => one.directory)
  })

const plan = (files: Files, variables: Record<string, string> = {}): Plan =>
  withTree(files, (directory) => detect(directoryTree(directory), variables))

const complaint = (files: Files, variables: Record<string, string> = {}): string => {
  try {
    plan(files, variables)
  } catch (error) {
    if (error instanceof BerthError) return `${error.message}\n${error.hint ?? ''}`
    throw error
  }
  throw new Error('it was taken')
}

describe('the packages of a workspace', () => {
  const packages = { 'a/package.json': '{}', 'b/c/package.json': '{}', 'b/x/y/package.json': '{}', 'b/empty/z': '' }
  for (const [name, files, are] of [
    ['a list', { 'package.json': pkg({ workspaces: ['a', './b/*/'] }) }, ['a', 'b/c']],
    ['an object', { 'package.json': pkg({ workspaces: { packages: ['b/**'] } }) }, ['b/c', 'b/x/y']],
    ['a list with exceptions', { 'package.json': pkg({ workspaces: ['**', '!b/c'] }) }, ['a', 'b/x/y']],
    [
      'pnpm-workspace.yaml',
      {
        'package.json': '{}',
        'pnpm-workspace.yaml': '# all\npackages:\n  # ours\n  - \'a\' # one\n  - "b/*"\ncatalog:\n  - b/x/y\n',
      },
      ['a', 'b/c'],
    ],
    ['its short form', { 'package.json': '{}', 'pnpm-workspace.yaml': 'packages: ["a"]\n' }, ['a']],
    ['nothing', { 'package.json': '{}' }, []],
  ] as const)
    it(`are found by ${name}`, () => expect(found({ ...packages, ...files })).to.deep.equal(are))

  it('that one is built with come before it, in order', () => {
    const member = (name: string, ...on: string[]) => ({
      directory: name,
      pkg: parsePackageJson(
        pkg({ name, scripts: { build: 'x' }, dependencies: Object.fromEntries(on.map((one) => [one, '*'])) }),
      ),
    })
    const app = member('app', 'b', 'outside')
    const all = [member('a', 'app'), member('b', 'c', 'a'), member('c'), member('other'), app]
    expect(builtBefore(all, app).map((one) => one.directory)).to.deep.equal(['c', 'a', 'b'])
  })
})

describe('the package of a workspace that is deployed', () => {
  it('is the only one that starts a server, which is said', () => {
    const { notes, processTypes, dockerfile } = plan({ ...workspace, 'apps/site/package.json': site })
    expect(processTypes).to.deep.equal({ web: 'node dist/server.js' })
    expect(notes).to.include('apps/api is deployed: the only package of the workspace that starts a server')
    for (const line of [
      'COPY --chown=node:node package.json package-lock.json ./',
      'COPY --chown=node:node packages/lib/package.json packages/lib/',
      '(cd packages/lib && npm run build) && cd apps/api && npm run build',
      'PATH=/app/apps/api/node_modules/.bin:/app/node_modules/.bin:$PATH',
      'WORKDIR /app/apps/api\nCMD ["/bin/sh","-c","exec node dist/server.js"]',
    ])
      expect(dockerfile).to.include(line)
  })

  it('is the only one that makes a site, where none is a server', () => {
    const files = { 'package.json': pkg(root), 'packages/lib/package.json': library, 'apps/site/package.json': site }
    const { dockerfile, notes } = plan(files)
    expect(dockerfile).to.include('cd apps/site && npm run build && for place in dist;')
    expect(notes.join()).to.include('Built with Vite; serving dist/')
  })

  it('is asked for by its folder or its name, where there are several', () => {
    const files = { ...workspace, 'apps/admin/package.json': api.replace('@x/api', '@x/admin') }
    expect(complaint(files))
      .to.include('several packages of this workspace can be deployed: apps/admin, apps/api')
      .and.to.include('berth builds:set dir=apps/admin, or berth builds:set dir=apps/api')
    for (const one of ['apps/admin', './apps/admin/', '@x/admin'])
      expect(plan(files, { BERTH_APP_DIR: one }).dockerfile).to.include('WORKDIR /app/apps/admin')
    expect(complaint(files, { BERTH_APP_DIR: 'apps/gone' })).to.include(
      'BERTH_APP_DIR is apps/gone, which is no package',
    )
  })

  it('is the root where that starts something', () => {
    const files = { ...workspace, 'package.json': pkg({ ...root, scripts: { start: 'node apps/api/dist/server.js' } }) }
    expect(plan(files).processTypes.web).to.equal('node apps/api/dist/server.js')
    expect(plan({ ...workspace, Procfile: 'web: x' }).processTypes.web).to.equal('x')
    withTree(workspace, (directory) => {
      const tree = directoryTree(directory)
      expect(choose(tree, parsePackageJson(pkg(root)), '.').directory).to.equal('.')
    })
  })

  it('is built by Turborepo where that is set up', () => {
    const turbo = pkg({ ...root, devDependencies: { turbo: '2' }, packageManager: 'pnpm@9.0.0' })
    const { dockerfile } = plan({ ...workspace, 'package.json': turbo, 'pnpm-lock.yaml': '' })
    expect(dockerfile).to.include('turbo run build --env-mode=loose --filter=@x/api && cd apps/api')
    expect(dockerfile).to.include("pnpm --filter '@x/api...' install --prod=true")
  })

  it('is built with what it needs, where it has no build of its own', () => {
    const plain = pkg({ name: '@x/api', scripts: { start: 'node s.js' }, dependencies: { '@x/lib': '*' } })
    const { dockerfile } = plan({ ...workspace, 'apps/api/package.json': plain })
    expect(dockerfile).to.include('(cd packages/lib && npm run build) && cd apps/api')
  })

  it('keeps what is for development where a config var says so', () => {
    expect(plan(workspace).dockerfile).to.include('npm prune')
    expect(plan(workspace, { NPM_CONFIG_PRODUCTION: 'false' }).dockerfile).not.to.include('npm prune')
  })

  it('stands alone where Next.js makes it so', () => {
    const files = {
      ...workspace,
      'apps/api/package.json': pkg({
        name: 'web',
        scripts: { build: 'next build', start: 'next start' },
        dependencies: { next: '16' },
      }),
      'apps/api/next.config.js': "output: 'standalone'",
    }
    const { dockerfile } = plan(files)
    expect(dockerfile).to.include('cp -r .next/static .next/standalone/apps/api/.next/')
    expect(dockerfile).to.include(
      'COPY --from=build --chown=node:node /app/apps/api/.next/standalone /app\nWORKDIR /app/apps/api',
    )
  })
})
