import type { Tree } from '../tree.js'
import type { Gemfile } from './gemfile.js'
import { installGems } from './install-gems.js'
import { nativePackages } from './native.js'
import { rubyImage, type RubyVersion } from './version.js'
import { commandLines, fileLine, home } from '../image-lines.js'

/** All that decides a Dockerfile. */
export interface Recipe {
  readonly tree: Tree
  readonly gemfile: Gemfile
  readonly ruby: RubyVersion
  readonly rails: boolean
  /** Whether gems lie in vendor/bundle, ready to be used. */
  readonly vendored: boolean
  /** Whether Rails makes assets. */
  readonly assets: boolean
  /** The stage that bundles scripts and styles by Node.js, where there is one. */
  readonly bundles: readonly string[]
  readonly command: string | null
}

/** Gems are installed before the code is there; what they were resolved to comes with them, not with the code. */
export function dockerfileOf(recipe: Recipe): string {
  const { gemfile, ruby, rails, vendored, assets, bundles, command } = recipe
  const environment = {
    BUNDLE_APP_CONFIG: '/usr/local/bundle',
    BUNDLE_SILENCE_ROOT_WARNING: '1',
    BUNDLE_WITHOUT: 'development:test',
    GEM_HOME: '/usr/local/bundle',
    HOME: home,
    LANG: 'C.UTF-8',
    PATH: `${home}/bin:/usr/local/bundle/bin:$PATH`,
    ...(vendored ? { BUNDLE_PATH: `${home}/vendor/bundle` } : {}),
  }
  const production = {
    RACK_ENV: 'production',
    MALLOC_ARENA_MAX: '2',
    ...(rails
      ? {
          RAILS_ENV: 'production',
          RAILS_SERVE_STATIC_FILES: 'enabled',
          RAILS_LOG_TO_STDOUT: 'enabled',
          DISABLE_SPRING: '1',
        }
      : {}),
  }
  const { run } = nativePackages(gemfile.all)
  return [
    ...bundles,
    `FROM ${rubyImage(ruby.version)} AS gems`,
    `RUN groupadd --gid 1000 app && useradd --uid 1000 --gid app --home-dir ${home} --shell /bin/bash app && mkdir -p ${home}/log ${home}/tmp/pids && chown -R app:app ${home}`,
    `ENV ${lineOf(environment)}`,
    `WORKDIR ${home}`,
    ...(vendored ? (run.length === 0 ? [] : [`RUN ${debian(run)}`]) : installation(recipe)),
    '',
    ...(assets ? assetStage(recipe, lineOf(production)) : []),
    'FROM gems',
    `ENV ${lineOf(production)}`,
    'COPY --chown=app:app . .',
    ...(vendored ? [] : [`COPY --from=gems --chown=app:app ${home}/Gemfile ${home}/Gemfile.lock ./`]),
    ...(assets ? [`COPY --from=build --chown=app:app ${home}/public ${home}/public`] : []),
    'USER app',
    ...commandLines(command),
    '',
  ].join('\n')
}

const lineOf = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

const debian = (packages: readonly string[]): string =>
  `apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/*`

function installation({ tree, gemfile, ruby }: Recipe): string[] {
  const { build, run } = nativePackages(gemfile.all)
  const files = ['Gemfile', 'Gemfile.lock', '.ruby-version', '.tool-versions'].filter((file) => tree.hasFile(file))
  const folders = [...gemfile.paths, ...(tree.hasDirectory('vendor/cache') ? ['vendor/cache'] : [])]
  const names = [...gemfile.gems].filter((name) => /^[\w.-]+$/.test(name) && !name.startsWith('-'))
  return [
    fileLine('/usr/local/bin/install-gems', installGems),
    ...(gemfile.readsTree
      ? ['COPY . .']
      : [`COPY ${files.join(' ')} ./`, ...folders.map((one) => `COPY ${one} ./${one}`)]),
    // Bundler runs with no other release than the one that is pinned
    ...(ruby.pinned === undefined
      ? []
      : [
          `RUN sed -i -E "s/^(\\s*ruby[ (]+).${ruby.pinned.replaceAll('.', '\\.')}./\\1'~> ${ruby.version}.0'/" Gemfile`,
        ]),
    `RUN --mount=type=cache,target=/var/cache/gems BUNDLE_USER_CACHE=/var/cache/gems BUNDLE_GLOBAL_GEM_CACHE=1 BUILD="${build.join(' ')}" RUN="${run.join(' ')}" install-gems ${[gemfile.source, ...names].join(' ')}`,
  ]
}

/** Programs that compile scripts want Node.js, and settings are read that want a key: any will do. */
function assetStage({ gemfile, bundles }: Recipe, production: string): string[] {
  const runs = [
    'execjs',
    'uglifier',
    'coffee-rails',
    'coffee-script',
    'autoprefixer-rails',
    'webpacker',
    'terser',
  ].some((name) => gemfile.all.has(name))
  const env = 'SECRET_KEY_BASE="${SECRET_KEY_BASE:-for-the-assets-alone}" SECRET_KEY_BASE_DUMMY=1 RAILS_GROUPS=assets'
  return [
    'FROM gems AS build',
    ...(runs ? [`RUN ${debian(['nodejs'])}`] : []),
    'COPY . .',
    `COPY --from=gems ${home}/Gemfile ${home}/Gemfile.lock ./`,
    ...(bundles.length === 0
      ? []
      : [
          `COPY --from=assets ${home}/app/assets/builds ${home}/app/assets/builds`,
          'ENV SKIP_JS_BUILD=1 SKIP_CSS_BUILD=1 SKIP_YARN_INSTALL=1',
        ]),
    `RUN --mount=type=cache,target=${home}/tmp/cache mkdir -p public && ${production} ${env} bundle exec rake assets:precompile`,
    '',
  ]
}
