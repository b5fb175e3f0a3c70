import { minVersion } from 'semver'
import type { Manager } from './manager.js'

/** What a package manager is told, each a line for a shell, and what it must have. */
export interface ManagerCommands {
  /** Puts the manager itself into an image, as root; null for one that is there. */
  readonly setup: string | null
  /** Variables that all its commands need. */
  readonly env: Readonly<Record<string, string>>
  /** Installs everything, or what is for production only. */
  install(development: boolean): string
  /** Takes away what is for development; null when it cannot. */
  readonly prune: string | null
  /** Runs a script of the package: `npm run`. */
  readonly run: string
  /** The directory of its cache. */
  readonly cache: string
  /** Whether two of its kind must not write to the cache at once. */
  readonly alone: boolean
  /** Files that decide what it installs, besides package.json and its lock file. */
  readonly files: readonly string[]
}

const quiet = '--no-audit --no-fund --no-update-notifier'
const home = '/home/node'

/**
 * The commands of an app's package manager. None goes through corepack, which asks the network when the app starts.
 * @param member the name of the package of a workspace that runs
 */
export const commandsFor = (manager: Manager, member: string | null): ManagerCommands =>
  by[manager.name](manager, member)

/** Installs a manager by its npm package: from the registry, and with the settings, that the build has. */
const setup = (spec: string): string =>
  `npm install --global --force ${quiet} ${/[^\w.@/-]/.test(spec) ? `'${spec}'` : spec}`
const majorOf = ({ version }: Manager): number =>
  version === undefined || version === 'latest' ? 0 : (minVersion(version)?.major ?? 0)
const lines = (...all: (string | false)[]): string => all.filter((one) => one !== false).join(' ')

const by: Readonly<Record<Manager['name'], (manager: Manager, member: string | null) => ManagerCommands>> = {
  npm: ({ version, lock, peerless }) => ({
    setup: version === undefined ? null : setup(`npm@${version}`),
    env: {},
    install: (development) =>
      lines(
        `npm ${lock === undefined ? 'install' : 'ci'}`,
        development ? '--include=dev' : '--omit=dev',
        peerless === true && '--legacy-peer-deps',
        quiet,
      ),
    prune: lines('npm prune --omit=dev --ignore-scripts', peerless === true && '--legacy-peer-deps', quiet),
    run: 'npm run',
    cache: `${home}/.npm`,
    alone: false,
    files: ['.npmrc'],
  }),

  yarn: ({ version, lock }) => {
    const install = (production: boolean): string =>
      lines(
        `yarn install --production=${String(production)} --non-interactive --prefer-offline --cache-folder ${home}/.yarn-cache`,
        lock !== undefined && '--frozen-lockfile',
      )
    return {
      setup: version === undefined ? null : setup(`yarn@${version}`),
      env: {},
      install: (development) => install(!development),
      prune: `${install(true)} --ignore-scripts`,
      run: 'yarn run',
      cache: `${home}/.yarn-cache`,
      alone: true,
      files: ['.npmrc', '.yarnrc'],
    }
  },

  berry: (manager, member) => {
    const { program, lock } = manager
    const yarn = program === undefined ? 'yarn' : `node ${program}`
    return {
      setup: program === undefined ? setup(`@yarnpkg/cli-dist@${manager.version ?? '4'}`) : null,
      // node_modules for all: what runs needs no Yarn then, and Plug'n'Play has no more in it
      env: { YARN_NODE_LINKER: 'node-modules', YARN_ENABLE_TELEMETRY: '0', YARN_GLOBAL_FOLDER: `${home}/.yarn-global` },
      install: () => lines(`${yarn} install`, lock !== undefined && '--immutable'),
      // before version 4 a plugin did this
      prune: majorOf(manager) < 4 ? null : `${yarn} workspaces focus ${member ?? '--all'} --production`,
      run: `${yarn} run`,
      cache: `${home}/.yarn-global`,
      alone: false,
      files: ['.yarnrc.yml', '.yarn'],
    }
  },

  pnpm: (manager, member) => {
    const { lock, version } = manager
    const store = `--config.store-dir=${home}/.pnpm-store`
    const install = (production: boolean, filter = ''): string =>
      lines(
        `CI=true pnpm ${filter}install --prod=${String(production)} --prefer-offline ${store}`,
        lock !== undefined && '--frozen-lockfile',
      )
    // in a workspace `prune` takes away what its packages need of each other, and leaves all else where it is
    const again = `find . -name node_modules -prune -exec rm -rf {} + && ${install(true, `--filter '${member ?? ''}...' `)}`
    return {
      setup: setup(`pnpm@${version ?? '10'}`),
      env: {},
      install: (development) => install(!development),
      prune: member === null ? `CI=true pnpm prune --prod --config.ignore-scripts=true ${store}` : again,
      run: 'pnpm run',
      cache: `${home}/.pnpm-store`,
      alone: false,
      files: ['.npmrc', 'pnpm-workspace.yaml', '.pnpmfile.cjs', 'patches'],
    }
  },

  bun: ({ version, lock }) => {
    const install = lines(
      `BUN_INSTALL_CACHE_DIR=${home}/.bun-cache bun install`,
      lock !== undefined && '--frozen-lockfile',
    )
    return {
      setup: setup(`bun@${version ?? 'latest'}`),
      env: {},
      install: (development) => (development ? install : `${install} --production`),
      prune: `rm -rf node_modules && ${install} --production --ignore-scripts`,
      run: 'bun run',
      cache: `${home}/.bun-cache`,
      alone: false,
      files: ['.npmrc', 'bunfig.toml', 'patches'],
    }
  },
}
