import type { Tree } from '../tree.js'
import type { Gemfile } from './gemfile.js'

/** How an app is started where no Procfile says so, and what was seen of it. */
export interface RubyWeb {
  readonly command: string
  /** For the log: "Sinatra". */
  readonly framework?: string
}

/** Whether a tree is a Rails app, rather than one that has a part of Rails. */
export const isRails = (tree: Tree): boolean => /Rails::Application/.test(tree.read('config/application.rb') ?? '')

/** What starts an app: its server, for Rack; else the program that is there. Null when there is neither. */
export function webProcess(tree: Tree, { all }: Gemfile): RubyWeb | null {
  const framework = isRails(tree)
    ? { framework: 'Rails' }
    : (['sinatra', 'hanami', 'roda', 'grape', 'padrino', 'cuba']
        .filter((name) => all.has(name))
        .slice(0, 1)
        .map((name) => ({ framework: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}` }))[0] ?? {})
  const rack = tree.hasFile('config.ru')
  if (rack || isRails(tree)) {
    const server = rack ? serverOf(tree, all) : null
    if (server !== null) return { command: server, ...framework }
    if (isRails(tree)) return { command: 'bundle exec rails server -b 0.0.0.0 -p $PORT', ...framework }
    return { command: 'bundle exec rackup config.ru -o 0.0.0.0 -p $PORT', ...framework }
  }
  const program = ['app.rb', 'main.rb', 'server.rb', 'web.rb', 'application.rb'].find((file) => tree.hasFile(file))
  return program === undefined
    ? null
    : { command: `bundle exec ruby ${program}${all.has('sinatra') ? ' -o 0.0.0.0 -p $PORT' : ''}`, ...framework }
}

/** Threads and processes are what the app's own file says; without one, as many as WEB_CONCURRENCY. */
function serverOf(tree: Tree, gems: ReadonlySet<string>): string | null {
  const puma = ['config/puma.rb', 'puma.rb'].find((file) => tree.hasFile(file))
  const unicorn = ['config/unicorn.rb', 'unicorn.rb'].find((file) => tree.hasFile(file))
  if (gems.has('puma')) {
    // a file that says where to listen says it for all
    const listens = puma !== undefined && /^\s*(?:port|bind)\b/m.test(tree.read(puma) ?? '')
    return [
      'bundle exec puma',
      ...(puma === undefined ? ['-w ${WEB_CONCURRENCY:-0}'] : [`-C ${puma}`]),
      ...(listens ? [] : ['-b tcp://0.0.0.0:$PORT']),
    ].join(' ')
  }
  if (gems.has('unicorn'))
    return `bundle exec unicorn ${unicorn === undefined ? '' : `-c ${unicorn} `}-p $PORT -o 0.0.0.0`
  if (gems.has('falcon')) return 'bundle exec falcon serve --bind http://0.0.0.0:$PORT'
  if (gems.has('thin')) return 'bundle exec thin start -R config.ru -a 0.0.0.0 -p $PORT'
  return null
}
