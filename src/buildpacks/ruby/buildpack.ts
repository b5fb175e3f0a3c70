import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { assetsStage } from '../node/assets.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { dockerfileOf } from './dockerfile.js'
import { rubyReason } from './failure.js'
import { readGemfile, type Gemfile } from './gemfile.js'
import { programPlan } from './program.js'
import { rubyVersion } from './version.js'
import { isRails, webProcess } from './web.js'

const ignored = ['.git', '**/node_modules', '.bundle', 'log/*', 'tmp/*']

/** A Ruby app: a Gemfile at the top. */
export const ruby: Buildpack = {
  name: 'ruby',
  takes: 'a Ruby app (Gemfile)',
  landmark: 'Gemfile',
  plan,
  failure: rubyReason,
}

function plan(tree: Tree): Plan | null {
  if (!tree.hasFile('Gemfile')) return programPlan(tree)
  const declared = declaredTypes(tree)
  if (!isRuby(tree, declared)) return null
  const gemfile = readGemfile(tree)
  const declares = saysWhatRuns(declared)
  const web = declares ? null : webProcess(tree, gemfile)
  if (web === null && !declares) throw nothingStarts()
  const version = rubyVersion(tree, gemfile)
  const rails = isRails(tree)
  const vendored = tree.hasDirectory(`vendor/bundle/ruby/${version.version}.0/gems`)
  const assets = rails && makesAssets(tree, gemfile)
  const bundling = assets && ['jsbundling-rails', 'cssbundling-rails'].some((name) => gemfile.all.has(name))
  const bundles = bundling ? assetsStage(tree, ['build:css']) : null
  const command = declared.web ?? web?.command ?? null
  return {
    buildpack: 'ruby',
    name: 'Ruby',
    found: rails ? 'Ruby app (Rails)' : web?.framework === undefined ? 'Ruby app' : `Ruby app (${web.framework})`,
    version: version.version,
    dockerfile: dockerfileOf({
      tree,
      gemfile,
      ruby: version,
      rails,
      vendored,
      assets,
      bundles: bundles?.lines ?? [],
      command,
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, ...(vendored ? [] : ['vendor/bundle']), tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: { ...(web === null ? {} : { web: web.command }), ...declared },
    origin: declares ? 'Procfile' : 'Dockerfile',
    ...(rails ? { secrets: { SECRET_KEY_BASE: 'hex' } as const } : {}),
    notes: [
      ...version.notes,
      ...installNotes(gemfile, vendored),
      ...(bundles?.notes ?? []),
      ...(rails && declared.release === undefined && tree.hasDirectory('db/migrate')
        ? ['migrations are not run: `release: bin/rails db:migrate` in a Procfile does that before each release']
        : []),
    ],
  }
}

const nothingStarts = (): BerthError =>
  new BerthError(
    'invalid',
    'this is a Ruby app (Gemfile), but nothing says how to start it',
    'add a config.ru, or a `web:` line to a Procfile: `web: bundle exec ruby app.rb -p $PORT`',
  )

function installNotes({ hasLock }: Gemfile, vendored: boolean): string[] {
  if (vendored) return ['vendor/bundle is used as it lies: Bundler does not install']
  return hasLock ? [] : ['no Gemfile.lock: versions may differ at each build; run `bundle install` and commit it']
}

const rubyLine = /^\s*(?:\w+=\S+\s+)*(?:bundle|ruby|rails|bin\/rails|rake|rackup|puma|unicorn|thin|sidekiq)\s/

/** Whether the Gemfile is what starts the app; with other languages it is there for tools often. */
function isRuby(tree: Tree, declared: Readonly<Record<string, string>>): boolean {
  if (Object.values(declared).some((line) => rubyLine.test(line)) || tree.hasFile('config.ru') || isRails(tree))
    return true
  if (
    ['composer.json', 'requirements.txt', 'pyproject.toml', 'manage.py', 'index.php'].some((file) => tree.hasFile(file))
  )
    return false
  return saysWhatRuns(declared) ? !tree.hasFile('package.json') : !/"start"\s*:/.test(tree.read('package.json') ?? '')
}

/** Rails without Sprockets or Propshaft has none; what is in git already is served as it is. */
function makesAssets(tree: Tree, { all }: Gemfile): boolean {
  const made = tree.names('public/assets').some((name) => /^\.?(?:sprockets-)?manifest.*\.json$/.test(name))
  return (
    !made && tree.hasDirectory('app/assets') && (all.has('rails') || all.has('sprockets-rails') || all.has('propshaft'))
  )
}
