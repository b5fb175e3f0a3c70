import { BerthError } from '../../errors.js'
import { asTable } from '../../lib/toml.js'
import { buildSettings } from '../build-settings.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { parsePackageJson } from '../node/package-json.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { readToml } from '../toml.js'
import type { Tree } from '../tree.js'
import { chosenPackages, processTypes } from './choice.js'
import { dockerfileOf } from './dockerfile.js'
import { rustReason } from './failure.js'
import { debianPackages, lockedCrates } from './native.js'
import { readProject, type CargoPackage } from './package.js'
import { rustVersion } from './version.js'

/** The compiler is the image's: no file of the app has it fetched another. */
const ignored = ['.git', 'target', 'node_modules', 'rust-toolchain', 'rust-toolchain.toml']

/** A Rust app: a Cargo.toml at the top, with a program. */
export const rust: Buildpack = {
  name: 'rust',
  takes: 'a Rust app (Cargo.toml)',
  landmark: 'Cargo.toml',
  plan,
  failure: rustReason,
}

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  if (!tree.hasFile('Cargo.toml')) return null
  const declared = declaredTypes(tree)
  if (/^(?:node|npm|npx|yarn|pnpm|python3?|gunicorn|uvicorn|bundle)\s/.test(declared.web ?? '')) return null
  const packages = programPackages(tree, variables)
  if (packages === null) return null
  refuseBrowsers(tree, packages)
  const declares = saysWhatRuns(declared)
  const made = declares ? {} : typesOf(packages)
  const types = { ...made, ...withoutCargo(declared, packages) }
  const { version, unstable, notes } = rustVersion(tree)
  const crates = lockedCrates(tree)
  const config = tree.read('.cargo/config.toml') ?? tree.read('.cargo/config') ?? ''
  const targeted = isTargeted(tree)
  return {
    buildpack: 'rust',
    name: 'Rust',
    found: 'Rust app',
    version: version === '1' ? '' : version,
    dockerfile: dockerfileOf({
      version,
      packages,
      locked: crates !== null,
      debian: debianPackages(crates ?? dependenciesOf(packages), config),
      environment: buildEnvironment(tree, unstable, config),
      cross: targeted,
      targetPaths: Object.values(types).some((command) => command.includes('target/release')),
      runs: dependenciesOf(packages).has('rocket') ? { ROCKET_ADDRESS: '0.0.0.0' } : {},
      command: types.web ?? null,
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [...notes, ...buildNotes(crates !== null, targeted)],
  }
}

/** Whether the app asks for a platform to build for. @throws BerthError `invalid` for one that programs here cannot be of */
function isTargeted(tree: Tree): boolean {
  const { target } = asTable(readToml(tree, '.cargo/config.toml').build)
  if (typeof target === 'string' && target.startsWith('wasm'))
    throw new BerthError(
      'invalid',
      `.cargo/config.toml builds for WebAssembly (build.target is ${target}), which the Rust here has no library for`,
      'if it runs as a program of this server too, take build.target out; else write a Dockerfile that has its toolchain and what runs it',
    )
  return target !== undefined
}

const buildNotes = (locked: boolean, targeted: boolean): string[] => [
  ...(locked ? [] : ['no Cargo.lock: versions may differ at each build; take it out of .gitignore, and commit it']),
  ...(targeted ? ['build.target of .cargo/config.toml is left out: the build is for this server'] : []),
]

/** @param config `.cargo/config.toml` */
const buildEnvironment = (tree: Tree, unstable: boolean, config: string): Readonly<Record<string, string>> => ({
  ...(unstable ? { RUSTC_BOOTSTRAP: '1' } : {}),
  ...(tree.hasDirectory('.sqlx') || tree.hasFile('sqlx-data.json') ? { SQLX_OFFLINE: 'true' } : {}),
  ...(config.includes('rustc-wrapper') ? { CARGO_BUILD_RUSTC_WRAPPER: '""' } : {}),
})

/**
 * The packages whose programs are built; null for a library of another language's app.
 * @throws BerthError `invalid` when no package has a program
 */
function programPackages(tree: Tree, variables: Readonly<Record<string, string>>): readonly CargoPackage[] | null {
  const manifest = tree.read('package.json')
  if (manifest !== null && parsePackageJson(manifest).scripts.start !== undefined) return null
  const project = readProject(tree)
  const asked = (variables[buildSettings.dir] ?? '').trim().replace(/^\.\//, '').replace(/\/+$/, '')
  const packages = chosenPackages(project, asked)
  const isOther = ['package.json', 'pyproject.toml', 'setup.py'].some((file) => tree.hasFile(file))
  if (packages.length === 0 && isOther) return null
  if (packages.length > 0) return packages
  const names = project.packages.map(({ name }) => name).slice(0, 8)
  throw new BerthError(
    'invalid',
    names.length === 0
      ? 'the workspace of Cargo.toml has no package that is pushed'
      : `no package has a program: ${names.join(', ')} ${names.length === 1 ? 'is a library' : 'are libraries'}`,
    'push the package that has a src/main.rs, a src/bin or a [[bin]], or write the program',
  )
}

/** Apps that are compiled for browsers too, by tools and with a library that are not here. */
function refuseBrowsers(tree: Tree, packages: readonly CargoPackage[]): void {
  const tool = [
    ...(tree.hasFile('Trunk.toml') ? ['Trunk'] : []),
    ...(tree.hasFile('Dioxus.toml') ? ['Dioxus'] : []),
    ...(packages.some(({ metadata }) => 'leptos' in metadata) || tree.hasFile('Leptos.toml') ? ['cargo-leptos'] : []),
  ][0]
  if (tool !== undefined)
    throw new BerthError(
      'invalid',
      `the app is built by ${tool} for browsers (wasm32-unknown-unknown), which the Rust here has no library for`,
      `write a Dockerfile that begins with the official rust image and installs ${tool}`,
    )
}

const dependenciesOf = (packages: readonly CargoPackage[]): ReadonlySet<string> =>
  new Set(packages.flatMap(({ dependencies }) => [...dependencies]))

/** Rocket takes its port from a variable of its own. */
function typesOf(packages: readonly CargoPackage[]): Record<string, string> {
  const types = processTypes(packages)
  return dependenciesOf(packages).has('rocket') ? { ...types, web: `ROCKET_PORT=$PORT ${types.web ?? ''}` } : types
}

/** `cargo run` has no cargo in the image: the program that it would run is there. */
function withoutCargo(
  declared: Readonly<Record<string, string>>,
  packages: readonly CargoPackage[],
): Record<string, string> {
  const programs = packages.flatMap((one) => one.defaultRun ?? one.programs[0] ?? [])
  return Object.fromEntries(
    Object.entries(declared).map(([type, command]) => [
      type,
      command.replace(
        /\bcargo run((?: (?:--release|-r|--locked|--quiet|-q|(?:--bin|-p|--package)[ =][\w-]+))*)(?: --(?= )| --$)?(?=\s|$)/,
        (_all, flags: string) =>
          /--bin[ =]([\w-]+)/.exec(flags)?.[1] ?? /(?:-p|--package)[ =]([\w-]+)/.exec(flags)?.[1] ?? programs[0] ?? '',
      ),
    ]),
  )
}
