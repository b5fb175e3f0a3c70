import { expect } from 'chai'
import { rubyReason } from '../../../src/buildpacks/ruby/failure.js'
import { readGemfile } from '../../../src/buildpacks/ruby/gemfile.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { complaintOf, pkg, planOf, withTree, type Files } from '../trees.js'

const gemfile = (...lines: string[]): string => ["source 'https://gems.example'", ...lines, ''].join('\n')
const sinatra: Files = { Gemfile: gemfile("gem 'sinatra'", "gem 'puma'"), 'config.ru': 'run App', 'Gemfile.lock': '' }
const rails: Files = {
  Gemfile: gemfile("gem 'rails', '~> 6.1'", "gem 'puma'"),
  'Gemfile.lock': '',
  'config.ru': '',
  'config/application.rb': 'class Application < Rails::Application\nend\n',
}
const web = (files: Files): string | null | undefined => planOf(files).processTypes.web
const steps = (files: Files): string[] =>
  planOf(files)
    .dockerfile.replace(/<<'FILE' (\S+)\n[^]*?\nFILE/, '$1')
    .split('\n')
    .filter((line) => /^(?:FROM|COPY|RUN|USER|CMD)/.test(line) && !line.includes('groupadd'))
const read = (text: string, files: Files = {}) =>
  withTree({ Gemfile: text, ...files }, (directory) => readGemfile(directoryTree(directory)))

describe('the Ruby buildpack', () => {
  it('installs gems before the code is there, and keeps what they were resolved to', () => {
    const plan = planOf(sinatra)
    expect(plan).to.deep.include({ buildpack: 'ruby', found: 'Ruby app (Sinatra)', version: '3.1', notes: [] })
    expect(plan).not.to.have.property('secrets')
    expect(steps(sinatra)).to.deep.equal([
      'FROM ruby:3.1-slim-bookworm AS gems',
      'COPY --chmod=755 /usr/local/bin/install-gems',
      'COPY Gemfile Gemfile.lock ./',
      'RUN --mount=type=cache,target=/var/cache/gems BUNDLE_USER_CACHE=/var/cache/gems BUNDLE_GLOBAL_GEM_CACHE=1 BUILD="" RUN="" install-gems https://gems.example sinatra puma',
      'FROM gems',
      'COPY --chown=app:app . .',
      'COPY --from=gems --chown=app:app /app/Gemfile /app/Gemfile.lock ./',
      'USER app',
      `CMD ["/bin/sh","-c","exec bundle exec puma -w \${WEB_CONCURRENCY:-0} -b tcp://0.0.0.0:$PORT"]`,
    ])
  })

  it('takes gems from the tree where they are', () => {
    const cached = steps({ ...sinatra, 'vendor/cache/x.gem': '' })
    expect(cached).to.include('COPY vendor/cache ./vendor/cache')
    const local = {
      ...sinatra,
      Gemfile: gemfile("gem 'a', path: './lib/a'", "gem 'b', path: '../b'"),
      'lib/a/a.gemspec': '',
    }
    expect(steps(local)).to.include('COPY lib/a ./lib/a').and.not.include('COPY ../b ./../b')
    expect(steps({ ...sinatra, Gemfile: gemfile('gemspec') })[2]).to.equal('COPY . .')
    const vendored = { ...sinatra, 'vendor/bundle/ruby/3.1.0/gems/x/x.rb': '' }
    expect(steps(vendored).join('\n')).not.to.include('install-gems')
    expect(planOf(vendored).dockerfile).to.include('BUNDLE_PATH=/app/vendor/bundle')
    expect(planOf(vendored).notes[0]).to.include('vendor/bundle is used as it lies')
    expect(planOf(vendored).dockerignore).not.to.include('vendor/bundle')
    expect(planOf({ ...sinatra, 'vendor/bundle/ruby/2.7.0/gems/x/x.rb': '' }).dockerignore).to.include('vendor/bundle')
  })

  it('tells Rails what it wants in production, and makes its assets where the code is', () => {
    const plan = planOf({ ...rails, 'app/assets/config/manifest.js': '', 'db/migrate/1_x.rb': '' })
    expect(plan.found).to.equal('Ruby app (Rails)')
    expect(plan.secrets).to.deep.equal({ SECRET_KEY_BASE: 'hex' })
    expect(plan.notes[0]).to.include('release: bin/rails db:migrate')
    expect(plan.dockerfile)
      .to.match(
        /^ENV RACK_ENV=production .*RAILS_ENV=production RAILS_SERVE_STATIC_FILES=enabled RAILS_LOG_TO_STDOUT=enabled/m,
      )
      .and.match(/^RUN .*bundle exec rake assets:precompile$/m)
      .and.include('COPY --from=build --chown=app:app /app/public /app/public')
    expect(planOf(rails).dockerfile).not.to.include('assets:precompile')
    const made = { ...rails, 'app/assets/x': '', 'public/assets/.sprockets-manifest-1.json': '' }
    expect(planOf(made).dockerfile).not.to.include('assets:precompile')
    const scripts = { ...rails, 'app/assets/x': '', Gemfile: gemfile("gem 'rails'", "gem 'uglifier'") }
    expect(planOf(scripts).dockerfile).to.match(/FROM gems AS build\nRUN .*nodejs/)
    const bundling = planOf({
      ...rails,
      Gemfile: gemfile("gem 'rails'", "gem 'jsbundling-rails'"),
      'app/assets/x': '',
      'package.json': pkg({ scripts: { build: 'esbuild', 'build:css': 'sass' } }),
    })
    expect(bundling.dockerfile)
      .to.match(/AS assets\n[^]*npm run build\n.*npm run build:css\n/)
      .and.include('COPY --from=assets /app/app/assets/builds /app/app/assets/builds')
  })

  it('starts the server that the app has', () => {
    const ru = (gem: string, files: Files = {}): string | null | undefined =>
      web({ Gemfile: gemfile(`gem '${gem}'`), 'config.ru': '', ...files })
    expect(ru('unicorn')).to.equal('bundle exec unicorn -p $PORT -o 0.0.0.0')
    expect(ru('unicorn', { 'config/unicorn.rb': '' })).to.equal(
      'bundle exec unicorn -c config/unicorn.rb -p $PORT -o 0.0.0.0',
    )
    expect(ru('thin')).to.equal('bundle exec thin start -R config.ru -a 0.0.0.0 -p $PORT')
    expect(ru('rack')).to.equal('bundle exec rackup config.ru -o 0.0.0.0 -p $PORT')
    expect(ru('puma', { 'config/puma.rb': 'port ENV["PORT"]\n' })).to.equal('bundle exec puma -C config/puma.rb')
    expect(ru('puma', { 'config/puma.rb': 'threads 5\n' })).to.equal(
      'bundle exec puma -C config/puma.rb -b tcp://0.0.0.0:$PORT',
    )
    expect(web({ ...rails, Gemfile: gemfile("gem 'rails'") })).to.equal('bundle exec rails server -b 0.0.0.0 -p $PORT')
    expect(web({ Gemfile: gemfile("gem 'sinatra'"), 'app.rb': '' })).to.equal(
      'bundle exec ruby app.rb -o 0.0.0.0 -p $PORT',
    )
    expect(planOf({ ...sinatra, Procfile: 'web: bundle exec puma\nworker: bundle exec sidekiq' })).to.deep.include({
      processTypes: { web: 'bundle exec puma', worker: 'bundle exec sidekiq' },
      origin: 'Procfile',
    })
    expect(complaintOf({ Gemfile: gemfile("gem 'nokogiri'") })).to.match(
      /nothing says how to start it\nadd a config\.ru/,
    )
  })

  it('takes the version that the Gemfile, .ruby-version or .tool-versions names', () => {
    const version = (line: string, files: Files = {}): string =>
      planOf({ ...sinatra, Gemfile: gemfile(line, "gem 'rack'"), ...files }).version
    expect(version("ruby '3.3.4'")).to.equal('3.3')
    expect(version('ruby "~> 3.1"')).to.equal('3.1')
    expect(version('ruby "~> 3.2.0"')).to.equal('3.2')
    expect(version('ruby ">= 3.2", "< 4", engine: "ruby"')).to.equal('3.4')
    expect(version('ruby file: ".ruby-version"', { '.ruby-version': 'ruby-3.2.2\n' })).to.equal('3.2')
    expect(version('', { '.ruby-version': '3.0\n' })).to.equal('3.0')
    expect(version('', { '.tool-versions': 'nodejs 20\nruby 3.4.1\n' })).to.equal('3.4')
    const pinned = planOf({ ...sinatra, Gemfile: gemfile('ruby "3.1.4"', "gem 'rack'") })
    expect(pinned.notes[0]).to.include('Gemfile asks for Ruby 3.1.4: it gets 3.1')
    expect(pinned.dockerfile).to.include(`RUN sed -i -E "s/^(\\s*ruby[ (]+).3\\.1\\.4./\\1'~> 3.1.0'/" Gemfile`)
    for (const wrong of ['2.7.8', 'jruby-9.4', '1; rm -rf'])
      expect(complaintOf({ ...sinatra, Gemfile: gemfile(`ruby "${wrong}"`) }), wrong).to.match(
        /^Gemfile asks for Ruby .*\nask for one of 3\.0, 3\.1/,
      )
  })

  it('runs a program without a Gemfile in a tree that is nothing else', () => {
    const plan = planOf({ 'main.rb': '', 'lib/x.rb': '', '.ruby-version': '3.1.2', 'README.md': '' })
    expect(plan).to.deep.include({ buildpack: 'ruby', version: '3.1', processTypes: { web: 'ruby main.rb' } })
    expect(plan.dockerfile)
      .to.match(/^FROM ruby:3\.1-slim-bookworm\n/)
      .and.not.include('bundle')
    expect(plan.notes.at(-1)).to.match(/^no Gemfile/)
    expect(planOf({ 'app.rb': '', Procfile: 'worker: ruby app.rb 2\n' }).processTypes).to.deep.equal({
      worker: 'ruby app.rb 2',
    })
    expect(planOf({ 'main.rb': '', 'main.py': '' }).buildpack).to.equal('python')
    expect(complaintOf({ 'tool.rb': '' })).to.include('no stack recognised')
  })

  it('leaves to others what is theirs', () => {
    const tools = { Gemfile: gemfile("gem 'fastlane'") }
    const node = { 'package.json': pkg({ scripts: { start: 'node x' } }) }
    expect(planOf({ ...tools, ...node }).buildpack).to.equal('nodejs')
    expect(planOf({ ...sinatra, ...node }).buildpack).to.equal('ruby')
    expect(planOf({ ...tools, 'index.php': '' }).buildpack).to.equal('php')
    expect(planOf({ ...tools, ...node, Procfile: 'web: bundle exec x' }).buildpack).to.equal('ruby')
  })
})

describe('a Gemfile', () => {
  it('asks for what production has, by whichever spelling', () => {
    const { gems } = read(
      gemfile(
        'gem "a"',
        "gem('b', '~> 1') # c",
        "gem 'd', group: :development",
        "gem 'e', :group => [:development, :test]",
        "gem 'f', groups: %i[production test]",
        "gem 'l', groups: %i[development test]",
        "gem 'tzinfo-data', platforms: %i[ windows jruby ]",
        'group :development, :test do',
        "  gem 'g'",
        "  source 'x' do",
        "    gem 'h'",
        '  end',
        'end',
        'group :production do',
        "  gem 'i'",
        'end',
        'if ENV["X"]',
        "  gem 'j'",
        'end',
        "# gem 'k'",
      ),
    )
    expect([...gems]).to.deep.equal(['a', 'b', 'f', 'i', 'j'])
  })

  it('has with its lock file all that is installed, and the libraries that those need', () => {
    const lock =
      'GEM\n  specs:\n    pg (1.4.5)\n    rails (7.0)\n      nokogiri (>= 1)\n\nPLATFORMS\n  ruby\n  x86_64-linux\n'
    const { all, source } = read("source 'https://gems.example.org/private'\ngem 'rails'", {
      'Gemfile.lock': lock,
    })
    expect([...all]).to.deep.equal(['rails', 'pg'])
    expect(source).to.equal('https://gems.example.org/private')
    expect(steps({ ...sinatra, Gemfile: gemfile("gem 'pg'", "gem 'mysql2'") })[3]).to.include(
      'BUILD="default-libmysqlclient-dev libpq-dev" RUN="libmariadb3 libpq5" install-gems',
    )
  })
})

describe('why a build of a Ruby app failed', () => {
  for (const [lines, reason] of [
    [
      [
        "gems.example cannot be reached: the gems are Debian's, and Gemfile.lock is not followed",
        "Could not find gem 'rails (~> 7.1)' in locally installed gems.",
        '  * rails-6.1.7.10',
      ],
      'Debian has rails 6.1.7.10',
    ],
    [
      ["Could not find gem 'nosuchgem' in rubygems repository https://gems.example/ or installed locally."],
      'there is no gem nosuchgem',
    ],
    [['berth: gems.example cannot be reached, and Debian has no package of nosuch'], 'bundle cache'],
    [
      ['Your Ruby version is 3.1.2, but your Gemfile specified 3.3.0'],
      'the Gemfile asks for Ruby 3.3.0, and there is 3.1.2',
    ],
    [
      ['Your bundle only supports platforms ["arm64-darwin-22"] but your local platform is x86_64-linux.'],
      'bundle lock --add-platform x86_64-linux',
    ],
    [
      ['An error occurred while installing rmagick (5.0.0), and Bundler cannot continue.'],
      'rmagick 5.0.0 cannot be compiled',
    ],
    [['NameError: uninitialized constant Foo'], 'NameError: uninitialized constant Foo'],
  ] as const)
    it(`is told of ${lines.join(' ').slice(0, 60)}`, () => expect(rubyReason(['x', ...lines])).to.include(reason))

  it('is not told of what it does not know', () => expect(rubyReason(['all is well'])).to.equal(null))
})
