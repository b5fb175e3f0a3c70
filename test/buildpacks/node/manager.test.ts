import { expect } from 'chai'
import { managerOf } from '../../../src/buildpacks/node/manager.js'
import { parsePackageJson } from '../../../src/buildpacks/node/package-json.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { complaintOf, pkg, planOf, withTree, type Files } from '../trees.js'

const start = {
  scripts: { start: 'node server.js', build: 'tsc' },
  dependencies: { a: '1' },
  devDependencies: { b: '1' },
}

function manager(fields: object, files: Files): string {
  const text = pkg(fields)
  return withTree({ 'package.json': text, ...files }, (directory) => {
    const { name, version, lock } = managerOf(directoryTree(directory), parsePackageJson(text))
    return [name, version ?? '-', lock ?? '-'].join(' ')
  })
}

describe('the package manager of an app', () => {
  const berry = '__metadata:\n  version: 8\n'
  const cases: readonly (readonly [string, object, Files, string])[] = [
    ['nothing', {}, {}, 'npm - -'],
    ['package-lock.json', {}, { 'package-lock.json': '{}' }, 'npm - package-lock.json'],
    ['yarn.lock of Yarn 1', {}, { 'yarn.lock': '# yarn lockfile v1\n' }, 'yarn - yarn.lock'],
    ['yarn.lock of Yarn 2 and later', {}, { 'yarn.lock': berry }, 'berry 4 yarn.lock'],
    ['.yarnrc.yml', {}, { '.yarnrc.yml': '' }, 'berry 4 -'],
    ['pnpm-lock.yaml', {}, { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" }, 'pnpm 9 pnpm-lock.yaml'],
    ['an old pnpm-lock.yaml', {}, { 'pnpm-lock.yaml': 'lockfileVersion: 5.4\n' }, 'pnpm 7 pnpm-lock.yaml'],
    ['that of pnpm 8', {}, { 'pnpm-lock.yaml': "lockfileVersion: '6.0'\n" }, 'pnpm 8 pnpm-lock.yaml'],
    [
      'what pnpm 10 asks',
      { pnpm: { onlyBuiltDependencies: ['x'] } },
      { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" },
      'pnpm 10 pnpm-lock.yaml',
    ],
    [
      'settings that pnpm 9 does not know',
      {},
      { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n", 'pnpm-workspace.yaml': 'allowBuilds:\n  x: true\n' },
      'pnpm 10 pnpm-lock.yaml',
    ],
    ['bun.lock', {}, { 'bun.lock': '{}' }, 'bun latest bun.lock'],
    ['packageManager', { packageManager: 'pnpm@9.1.0+sha512.ab12' }, {}, 'pnpm 9.1.0 -'],
    [
      'packageManager, beside the lock file of another',
      { packageManager: 'yarn@4.2.2' },
      { 'package-lock.json': '{}', 'yarn.lock': berry },
      'berry 4.2.2 yarn.lock',
    ],
    ['packageManager, Yarn 1', { packageManager: 'yarn@1.22.19' }, { 'yarn.lock': '' }, 'yarn 1.22.19 yarn.lock'],
    ['engines', { engines: { pnpm: '>=8 <9' } }, {}, 'pnpm >=8 <9 -'],
    ['devEngines', { devEngines: { packageManager: { name: 'pnpm', version: '10.4.1' } } }, {}, 'pnpm 10.4.1 -'],
    ['a list', { devEngines: { packageManager: [{ name: 'bun', version: '^1.2.0' }] } }, {}, 'bun ^1.2.0 -'],
    ['devEngines of another kind', { devEngines: { packageManager: 'pnpm' } }, {}, 'npm - -'],
    ["Volta's", { volta: { yarn: '1.22.10' } }, { 'yarn.lock': '' }, 'yarn 1.22.10 yarn.lock'],
    ['packageManager, an npm like the one that is there', { packageManager: 'npm@10.9.0' }, {}, 'npm - -'],
    ['packageManager, a later npm', { packageManager: 'npm@12.1.0' }, {}, 'npm 12.1.0 -'],
  ]
  for (const [what, fields, files, is] of cases)
    it(`is ${is} by ${what}`, () => expect(manager(fields, files)).to.equal(is))

  it('is asked for where there are lock files of two, each named', () => {
    const files = { 'package.json': pkg(start), 'yarn.lock': '', 'package-lock.json': '{}' }
    expect(complaintOf(files))
      .to.include('lock files of several package managers: package-lock.json, yarn.lock')
      .and.to.include('git rm yarn.lock')
    expect(
      complaintOf({ 'package.json': pkg(start), 'bun.lock': '', 'bun.lockb': '', 'pnpm-lock.yaml': '' }),
    ).to.include('pnpm-lock.yaml, bun.lock, bun.lockb')
    expect(complaintOf({ 'package.json': pkg({ ...start, packageManager: 'cargo@1' }) })).to.include('"cargo@1" is no')
  })

  const dockerfile = (fields: object, files: Files): string =>
    planOf({ 'package.json': pkg({ ...start, ...fields }), ...files }).dockerfile

  for (const [name, files, lines] of [
    [
      'yarn',
      { 'yarn.lock': '' },
      ['yarn install --production=false', '--frozen-lockfile', 'sharing=locked', 'yarn run build'],
    ],
    [
      'berry',
      { 'yarn.lock': berry, '.yarn/patches/x.patch': '', '.yarnrc.yml': '' },
      [
        'npm install --global --force --no-audit --no-fund --no-update-notifier @yarnpkg/cli-dist@4',
        'YARN_NODE_LINKER=node-modules',
        'COPY --chown=node:node package.json yarn.lock .yarnrc.yml ./\nCOPY --chown=node:node .yarn .yarn/',
        'yarn install --immutable',
        'yarn workspaces focus --all --production',
      ],
    ],
    [
      'berry that is in the tree',
      {
        'yarn.lock': berry,
        '.yarnrc.yml': 'yarnPath: .yarn/releases/yarn-3.6.1.cjs',
        '.yarn/releases/yarn-3.6.1.cjs': '',
      },
      ['node .yarn/releases/yarn-3.6.1.cjs install --immutable', 'node .yarn/releases/yarn-3.6.1.cjs run build'],
    ],
    [
      'pnpm',
      { 'pnpm-lock.yaml': "lockfileVersion: '9.0'" },
      [
        'no-update-notifier pnpm@9',
        'pnpm install --prod=false',
        '--frozen-lockfile',
        'pnpm prune --prod',
        'pnpm run build',
      ],
    ],
    ['bun', { 'bun.lock': '' }, ['bun@latest', 'bun install --frozen-lockfile', 'bun run build']],
  ] as const)
    it(`${name} installs and builds with its own commands`, () => {
      const text = dockerfile({}, files)
      for (const line of lines) expect(text).to.include(line)
      expect(text).not.to.include('corepack')
    })

  it('is in the image where it is what runs, and only there', () => {
    const last = (scripts: object): string =>
      dockerfile({ scripts: { build: 'tsc', ...scripts } }, { 'pnpm-lock.yaml': '' })
        .split('\n\n')
        .at(-1) ?? ''
    expect(last({ start: 'pnpm exec serve' })).to.include('npm install --global')
    expect(last({ start: 'node server.js' })).not.to.include('npm install --global')
  })

  it('that cannot take away what is for development leaves it, which is said', () => {
    const files = { 'package.json': pkg({ ...start, packageManager: 'yarn@3.6.1' }), 'yarn.lock': berry }
    const { dockerfile: text, notes } = planOf(files)
    expect(notes.join()).to.include('Yarn before version 4')
    expect(text).not.to.include('focus')
  })

  it('npm takes the lock files of npm 6 as that did', () =>
    expect(dockerfile({}, { 'package-lock.json': '{\n  "lockfileVersion": 1,\n' })).to.include('--legacy-peer-deps'))
})

describe('what runs in production', () => {
  const kept = (line: string, devDependencies: object, dependencies: object = {}): boolean => {
    const scripts = { build: 'tsc', start: line }
    const { dockerfile, notes } = planOf({ 'package.json': pkg({ scripts, dependencies, devDependencies }) })
    expect(notes.join().includes('stay in the image')).to.equal(!dockerfile.includes('npm prune'))
    return !dockerfile.includes('npm prune')
  }
  for (const [line, name] of [
    ['tsx src/server.ts', 'tsx'],
    ['cross-env NODE_ENV=production node x.js', 'cross-env'],
    ['node -r ts-node/register src/x.ts', 'ts-node'],
    ['node --import=tsx src/x.ts', 'tsx'],
    ['node --import @swc-node/register/esm x.ts', '@swc-node/register'],
    ['npm run serve', 'serve'],
    ['npx react-router-serve x', '@react-router/serve'],
  ] as const)
    it(`by \`${line}\` stays with ${name}`, () => {
      const serve = line === 'npm run serve' ? 'npx serve dist' : line
      expect(kept(serve, { [name]: '1' })).to.equal(true)
      expect(kept(serve, { other: '1' }, { [name]: '1' })).to.equal(false)
    })
  it('by node alone needs nothing of development', () => expect(kept('node x.js', { tsx: '4' })).to.equal(false))
})
