import { SourceError } from '../source-error.js'
import { below, type Tree } from '../tree.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { elixirReason } from './failure.js'
import { elixirImage, elixirVersion } from './version.js'
import { addUser, commandLines, home } from '../image-lines.js'

const ignored = ['.git', '_build', 'node_modules', '.elixir_ls', 'erl_crash.dump']
const name = /^[a-z][a-z0-9_]{0,62}$/

/** An Elixir app: a mix.exs at the top. */
export const elixir: Buildpack = {
  name: 'elixir',
  takes: 'an Elixir app (mix.exs)',
  landmark: 'mix.exs',
  plan,
  failure: elixirReason,
}

function plan(tree: Tree): Plan | null {
  const text = tree.read('mix.exs')
  if (text === null) return null
  const mix = text.replace(/^\s*#.*/gm, '')
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const members = umbrella(tree, mix)
  const release = releaseOf(mix, members.length > 0)
  const phoenix = [tree, ...members.map((one) => below(tree, one))].some((one) =>
    /\{:phoenix,/.test(one.read('mix.exs') ?? ''),
  )
  const server = tree.hasFile('rel/overlays/bin/server')
  const types = declares ? declared : { web: server ? 'bin/server' : `bin/${release} start`, ...declared }
  // mix is in the image as well: nothing but a release runs without it
  const usesMix = Object.values(types).some((command) => /(?:^|\s)(?:mix|elixir|iex)\s/.test(command))
  const version = elixirVersion(tree, mix)
  return {
    buildpack: 'elixir',
    name: 'Elixir',
    found: phoenix ? 'Elixir app (Phoenix)' : 'Elixir app',
    version,
    dockerfile: dockerfileOf(tree, { mix, members, release, version, usesMix, phoenix, command: types.web ?? null }),
    ownDockerfile: false,
    dockerignore: [...ignored, ...(isVendored(tree) ? [] : ['deps']), tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [
      ...(phoenix
        ? ['Phoenix takes SECRET_KEY_BASE and PHX_HOST from config vars: `mix phx.gen.secret` makes the one']
        : []),
      ...(needsHex(mix) && !isVendored(tree) && !tree.hasFile('mix.lock')
        ? ['no mix.lock: versions may differ at each build; run `mix deps.get`, and commit it']
        : []),
    ],
  }
}

/** The apps of an umbrella. */
const umbrella = (tree: Tree, mix: string): string[] =>
  /\bapps_path:/.test(mix)
    ? tree
        .names('apps')
        .filter((one) => /^\w+$/.test(one) && tree.hasFile(`apps/${one}/mix.exs`))
        .map((one) => `apps/${one}`)
    : []

/** @throws SourceError where mix.exs does not say what is released */
function releaseOf(mix: string, isUmbrella: boolean): string {
  const released = /\breleases:\s*\[\s*(\w+):/.exec(mix)?.[1] ?? /\bdefp?\s+releases\b[^[]*\[\s*(\w+):/.exec(mix)?.[1]
  const found = released ?? (isUmbrella ? undefined : /\bapp:\s*:(\w+)/.exec(mix)?.[1])
  if (found !== undefined && name.test(found)) return found
  throw new SourceError(
    { file: 'mix.exs', line: 1, column: 1 },
    isUmbrella ? 'it is an umbrella, and does not say what is released' : 'its project has no name that can be read',
    isUmbrella
      ? 'add `releases: [shop: [applications: [shop_web: :permanent]]]` to its project'
      : 'write `app: :shop` into its project',
  )
}

const isVendored = (tree: Tree): boolean => tree.names('deps').some((one) => tree.hasFile(`deps/${one}/mix.exs`))

/** Whether the project itself names dependencies of Hex, or of a repository. */
const needsHex = (mix: string): boolean => /\{\s*:\w+,\s*(?:"|git(?:hub)?:)/.test(mix)

interface Parts {
  readonly mix: string
  readonly members: readonly string[]
  readonly release: string
  readonly version: string
  readonly usesMix: boolean
  readonly phoenix: boolean
  readonly command: string | null
}

/**
 * Dependencies are fetched and compiled before the code is there. The image is the one that the release was made in: the
 * Erlang that a release has inside is linked with that one's libraries.
 */
function dockerfileOf(tree: Tree, { mix, members, release, version, usesMix, phoenix, command }: Parts): string {
  const files = ['mix.exs', 'mix.lock', ...members.map((one) => `${one}/mix.exs`)].filter((file) => tree.hasFile(file))
  const config = ['config', ...members.map((one) => `${one}/config`)].filter((one) => tree.hasDirectory(one))
  const vendored = isVendored(tree)
  const locked = tree.hasFile('mix.lock')
  const fetches = !vendored && (locked || needsHex(mix))
  const assets = /"?assets\.deploy"?:/.test(mix)
  const build =
    'mix compile' +
    (usesMix ? '' : ` && mix release${/\breleases\b/.test(mix) ? ` ${release}` : ''} --overwrite --path /out`)
  return [
    `FROM ${elixirImage(version)} AS build`,
    'ENV MIX_ENV=prod MIX_HOME=/opt/mix LANG=C.UTF-8',
    `WORKDIR ${home}`,
    ...(fetches ? ['RUN mix local.hex --force && mix local.rebar --force'] : []),
    ...files.map((file) => `COPY ${file} ./${file}`),
    ...config.map((one) => `COPY ${one} ./${one}`),
    ...(vendored ? ['COPY deps ./deps'] : []),
    ...(fetches
      ? [`RUN --mount=type=cache,target=/root/.cache mix deps.get --only prod${locked ? ' --check-locked' : ''}`]
      : []),
    ...(fetches || vendored ? [`RUN mix deps.compile${vendored ? ' --no-deps-check' : ''}`] : []),
    'COPY . .',
    `RUN ${assets ? 'mix assets.deploy && ' : ''}mkdir -p /opt/mix && ${build}`,
    '',
    `FROM ${elixirImage(version)}`,
    `RUN ${addUser}`,
    `ENV MIX_ENV=prod MIX_HOME=/opt/mix LANG=C.UTF-8 RELEASE_DISTRIBUTION=none HOME=${home}${phoenix ? ' PHX_SERVER=true' : ''}`,
    `WORKDIR ${home}`,
    ...(usesMix ? ['COPY --from=build /opt/mix /opt/mix'] : []),
    `COPY --from=build --chown=app:app ${usesMix ? home : '/out'} ${home}`,
    'USER app',
    ...commandLines(command),
    '',
  ].join('\n')
}
