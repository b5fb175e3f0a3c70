import { expect } from 'chai'
import { phpReason } from '../../../src/buildpacks/php/failure.js'
import { allows } from '../../../src/buildpacks/php/version.js'
import { detect } from '../../../src/buildpacks/detect.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { complaintOf, pkg, planOf, withTree, type Files } from '../trees.js'

const index = '<?php echo 1;'
const composer = (fields: object = {}): string => JSON.stringify(fields)
const monolog = composer({ require: { 'monolog/monolog': '^3.0' } })
const lock = (...packages: object[]): string =>
  JSON.stringify({ packages: packages.map((one) => ({ name: 'a/b', dist: { type: 'zip' }, ...one })) })
const web = (files: Files): string | null | undefined => planOf(files).processTypes.web
const steps = (files: Files): string[] =>
  planOf(files)
    .dockerfile.slice(planOf(files).dockerfile.lastIndexOf('\nFILE\n') + 6)
    .split('\n')
    .filter((line) => /^(?:FROM|COPY|RUN|USER|CMD|STOPSIGNAL|ENTRYPOINT)/.test(line))
const withVariables = (files: Files, variables: Record<string, string>) =>
  withTree(files, (directory) => detect(directoryTree(directory), variables))

describe('the PHP buildpack', () => {
  it('serves plain PHP by nginx and php-fpm, without Composer', () => {
    const { dockerfile, ...plan } = planOf({ 'index.php': index })
    expect(plan).to.deep.include({
      buildpack: 'php',
      version: '8.2',
      processTypes: { web: 'serve-php' },
      notes: [],
      origin: 'Dockerfile',
    })
    expect(dockerfile).to.match(/^FROM debian:bookworm-slim AS php\n/)
    expect(steps({ 'index.php': index })).to.deep.equal([
      'FROM php',
      'COPY --chown=app:app . .',
      'USER app',
      'STOPSIGNAL SIGUSR1',
      'ENTRYPOINT ["php-process"]',
      'CMD ["serve-php"]',
    ])
  })

  it('serves a page without scripts beside it, as Heroku does', () => {
    expect(web({ 'composer.json': '{}', 'index.html': '' })).to.equal('serve-php')
    expect(web({ 'composer.json': '{}', 'public/index.html': '' })).to.equal('serve-php public')
    expect(web({ 'composer.json': '{}', 'index.html': '', 'web/index.php': index })).to.equal('serve-php web')
  })

  it('refuses the PHP that a version file pins, if it is not the one that can be had', () => {
    for (const [file, text] of [
      ['.php-version', '8.3\n'],
      ['.php-version', 'php-7\n'],
      ['.tool-versions', 'nodejs 20\nphp 8.1.2\n'],
    ] as const)
      expect(complaintOf({ 'index.php': index, [file]: text }))
        .to.match(
          /asks for PHP .*: the only ones that can be had are Debian's, 8\.2 and 8\.4\nwrite 8\.2 or 8\.4 into it/,
        )
        .and.include(file)
    for (const files of [{ '.php-version': '8.2.4' }, { '.tool-versions': 'php 8\n' }, { '.php-version': 'x' }])
      expect(planOf({ 'index.php': index, ...files }).buildpack).to.equal('php')
    const said = { 'composer.json': composer({ require: { php: '>=8.1' } }), '.php-version': '8.3', 'index.php': index }
    expect(planOf(said).buildpack).to.equal('php')
  })

  it('installs packages before the code is there, and lets them into the image by themselves', () => {
    const files = { 'composer.json': monolog, 'composer.lock': lock({}), 'public/index.php': index }
    expect(steps(files).filter((line) => /^(?:FROM|COPY)|composer install/.test(line))).to.deep.equal([
      'FROM php AS dependencies',
      'COPY composer.json composer.lock ./',
      'RUN --mount=type=cache,target=/root/.composer timeout 900 composer install --no-dev --prefer-dist --no-progress --no-scripts --no-autoloader && mkdir -p vendor',
      'FROM dependencies AS build',
      'COPY . .',
      'FROM php',
      'COPY --from=dependencies --chown=app:app /app/vendor /app/vendor',
      'COPY --from=build --chown=app:app /tmp/built /app',
    ])
    expect(planOf(files).dockerfile).to.include(
      "find vendor -mindepth 1 -maxdepth 1 -type d ! -name composer ! -name bin -printf './%p\\n' > /tmp/packages && mkdir /tmp/built && tar -c --anchored --no-wildcards -X /tmp/packages . | tar -x -C /tmp/built\n",
    )
    expect(planOf(files).dockerignore).to.match(/^vendor$/m)
    const vendored = { ...files, 'vendor/autoload.php': index }
    expect(steps(vendored)).not.to.include('COPY . .')
    expect(planOf(vendored).dockerignore).not.to.match(/^vendor$/m)
    expect(planOf(vendored).notes).to.include('vendor/ is used as it lies: Composer does not run')
    const local = composer({
      require: { 'a/b': '*' },
      repositories: [{ type: 'path', url: './packages/*' }, { type: 'path', url: '../out' }, { packagist: false }],
    })
    expect(steps({ ...files, 'composer.json': local, 'packages/b/composer.json': '{}' })).to.include(
      'COPY packages ./packages',
    )
    expect(steps({ ...files, 'composer.lock': lock({ dist: undefined }) }).join('\n')).to.include('composer unzip git')
    const scripts = composer({ ...(JSON.parse(monolog) as object), scripts: { compile: 'x', 'post-install-cmd': [] } })
    expect(planOf({ ...files, 'composer.json': scripts }).dockerfile).to.include(
      'composer dump-autoload --no-dev --optimize && composer run-script --no-dev post-install-cmd && composer run-script --no-dev compile',
    )
  })

  it('knows what frameworks serve, and what they want to be told', () => {
    const laravel = planOf({
      'composer.json': composer(),
      artisan: index,
      'public/index.php': index,
      'index.php': index,
      'database/migrations/1.php': index,
    })
    expect(laravel.found).to.equal('PHP app (Laravel)')
    expect(laravel.processTypes).to.deep.equal({ web: 'serve-php public' })
    expect(laravel.dockerfile).to.include('LOG_CHANNEL=stderr')
    expect(laravel.notes.join('\n')).to.include('serving public/').and.include('migrate --force')
    expect(laravel.secrets).to.deep.equal({ APP_KEY: 'base64' })
    const symfony = planOf({ 'composer.json': composer(), 'bin/console': '', 'public/index.php': index })
    expect(symfony.dockerfile).to.include('APP_ENV=prod APP_DEBUG=0')
    expect(web({ 'web/index.php': index, 'web/core/lib/Drupal.php': index })).to.equal('serve-php web')
    expect(web({ 'index.php': index, 'wp-settings.php': index })).to.equal('serve-php')
    expect(web({ 'composer.json': composer({ extra: { 'public-dir': 'www/' } }), 'www/index.php': index })).to.equal(
      'serve-php www',
    )
    expect(web({ 'composer.json': '', 'htdocs/index.php': index })).to.equal('serve-php htdocs')
  })

  it('serves what it is told to', () => {
    const files = { 'composer.json': composer(), 'app/index.php': index, 'public/index.php': index }
    expect(withVariables(files, { DOCUMENT_ROOT: '/app/' }).processTypes.web).to.equal('serve-php app')
    for (const wrong of ['nowhere', '../x', 'a"; drop', 'public/index.php'])
      expect(() => withVariables(files, { DOCUMENT_ROOT: wrong }), wrong).to.throw(
        /DOCUMENT_ROOT is .*no such directory/,
      )
    const complaint = complaintOf({ 'composer.json': composer(), 'src/x.php': index })
    expect(complaint).to.match(/there is no index\.php.*\n.*DOCUMENT_ROOT=/)
  })

  it("takes Heroku's commands for its own", () => {
    for (const [line, ours] of [
      ['vendor/bin/heroku-php-nginx -C nginx_app.conf public/', 'serve-php -C nginx_app.conf public/'],
      ['heroku-php-apache2 web/', 'serve-php web/'],
      [
        'php artisan migrate --force && vendor/bin/heroku-php-apache2 public',
        'php artisan migrate --force && serve-php public',
      ],
      ['bin/heroku-hhvm-nginx', 'serve-php'],
    ] as const)
      expect(web({ 'composer.json': composer(), Procfile: `web: ${line}` })).to.equal(ours)
    const apache = planOf({ 'index.php': index, Procfile: 'web: heroku-php-apache2 -C apache.conf public/' })
    expect(apache.processTypes.web).to.equal('serve-php public/')
    expect(apache.notes[0]).to.include('the file of -C is for Apache')
    const both = planOf({
      'composer.json': composer(),
      'public/index.php': index,
      Procfile: 'web: heroku-php-nginx public/\nworker: php artisan queue:work',
    })
    expect(both.processTypes).to.deep.equal({ web: 'serve-php public/', worker: 'php artisan queue:work' })
    expect(both.origin).to.equal('Procfile')
    const own = planOf({ 'composer.json': composer(), Procfile: 'web: php -S 0.0.0.0:$PORT' })
    expect(own.dockerfile).not.to.include('STOPSIGNAL SIGUSR1')
    expect(planOf({ 'composer.json': composer(), Procfile: 'worker: php w.php' }).processTypes).to.deep.equal({
      worker: 'php w.php',
    })
  })

  it('gets the extensions that the app and its packages ask for from Debian', () => {
    const packages = (files: Files, variables = {}): string =>
      /FROM php AS extended\nRUN .*--no-install-recommends (.*?) &&/.exec(
        withVariables({ 'index.php': index, ...files }, variables).dockerfile,
      )?.[1] ?? ''
    expect(
      packages({ 'composer.json': composer({ require: { 'ext-gd': '*', 'ext-json': '*', 'ext-PDO_MySQL': '*' } }) }),
    ).to.equal('php8.2-gd')
    expect(packages({}, { PHP_EXTENSIONS: 'redis, ext-intl' })).to.equal('php8.2-intl php8.2-redis')
    const locked = lock({ require: { 'ext-bcmath': '*', 'ext-apcu': '*' } }, { provide: { 'ext-apcu': '*' } })
    expect(packages({ 'composer.json': monolog, 'composer.lock': locked })).to.equal('php8.2-bcmath')
    expect(complaintOf({ 'index.php': index, 'composer.json': composer({ require: { 'ext-grpc': '*' } }) })).to.match(
      /^composer\.json asks for the PHP extension grpc, and Debian has no package of it for PHP 8\.2\n/,
    )
    expect(
      complaintOf({
        'index.php': index,
        'composer.json': monolog,
        'composer.lock': lock({ require: { 'ext-__proto__': '*' } }),
      }),
    ).to.include('composer.lock: a/b asks for the PHP extension __proto__')
  })

  it('takes the first of the PHPs that Debian has which the app and its packages run on', () => {
    const app = (range: string, more: Files = {}): Files => ({
      'index.php': index,
      'composer.json': composer({ require: { php: range, 'ext-gd': '*' } }),
      ...more,
    })
    for (const [range, version] of [
      ['>=7.4', '8.2'],
      ['^8.3', '8.4'],
      ['8.4.*', '8.4'],
      ['~8.2.0 || ~8.3.0', '8.2'],
    ] as const)
      expect(planOf(app(range)).version, range).to.equal(version)
    const { dockerfile } = planOf(app('^8.3'))
    expect(dockerfile)
      .to.match(/^FROM debian:trixie-slim AS php\n/)
      .and.include('php8.4-gd')
      .and.not.include('8.2')
    expect(planOf({ 'index.php': index, '.php-version': '8.4' }).version).to.equal('8.4')
    const mail = (php: string): Files => ({
      'index.php': index,
      'composer.json': composer({ require: { php, 'ext-imap': '*' } }),
    })
    expect(planOf(mail('^8.2')).dockerfile).to.include('php8.2-imap')
    expect(complaintOf(mail('^8.4'))).to.match(
      /extension imap, and Debian has no package of it for PHP 8\.4\n.*has igbinary/,
    )
    const locked = lock({ name: 'symfony/console', require: { php: '>=8.4' } })
    expect(planOf(app('>=8.2', { 'composer.lock': locked })).version).to.equal('8.4')
  })

  it('refuses a PHP that Debian does not have', () => {
    const php = (range: string): Files => ({
      'index.php': index,
      'composer.json': composer({ require: { php: range } }),
    })
    expect(complaintOf(php('^8.5'))).to.match(
      /^composer\.json asks for PHP \^8\.5: the only ones that can be had are Debian's, 8\.2 and 8\.4\nallow one/,
    )
    expect(complaintOf(php('~8.3.0'))).to.include('PHP ~8.3.0')
    const old = lock({ name: 'symfony/console', require: { php: '>=8.5' } })
    expect(complaintOf({ 'index.php': index, 'composer.json': monolog, 'composer.lock': old })).to.match(
      /^composer\.lock: symfony\/console asks for PHP >=8\.5.*\nlock what runs on it/,
    )
    expect(planOf(php('nonsense')).version).to.equal('8.2')
  })

  it('refuses broken files, and packages without a lock file', () => {
    expect(complaintOf({ 'composer.json': '{"require": {]}', 'index.php': index })).to.match(
      /^composer\.json:1:14: not JSON/,
    )
    expect(complaintOf({ 'composer.json': '[1]', 'index.php': index })).to.match(/^composer\.json:1:1: not an object/)
    expect(complaintOf({ 'composer.json': monolog, 'index.php': index })).to.match(
      /there is no composer\.lock\nrun `composer update`/,
    )
    expect(
      complaintOf({ 'composer.json': composer({ config: { 'vendor-dir': '../x' } }), 'index.php': index }),
    ).to.include('vendor-dir is no directory of the repository')
  })

  it('builds assets by Node.js, and leaves to others what is theirs', () => {
    const scripts = { build: 'vite build' }
    const laravel = {
      'composer.json': composer(),
      artisan: index,
      'public/index.php': index,
      'package.json': pkg({ scripts, devDependencies: { vite: '^6.0.0' } }),
      'package-lock.json': '{}',
    }
    const lines = steps(laravel).join('\n')
    expect(lines)
      .to.match(
        /^FROM node:24-bookworm-slim AS assets\nCOPY package\.json \.\/\nCOPY package-lock\.json \.\/\nRUN .*npm ci --include=dev/,
      )
      .and.match(/npm run build\nFROM php\n/)
      .and.include('COPY --from=assets --chown=app:app /app/public /app/public')
    expect(planOf({ 'index.php': index, 'index.html': '' }).buildpack).to.equal('php')
    expect(
      planOf({ 'composer.json': composer(), 'package.json': pkg({ scripts: { start: 'node x' } }) }).buildpack,
    ).to.equal('nodejs')
    expect(planOf({ ...laravel, Procfile: 'web: node server.js' }).buildpack).to.equal('nodejs')
    expect(
      planOf({ 'index.php': index, 'manage.py': '', 'requirements.txt': '', Procfile: 'web: gunicorn x' }).buildpack,
    ).to.equal('python')
  })

  it("says that Apache's rules are not read", () => {
    expect(
      planOf({ 'index.php': index, '.htaccess': 'RewriteEngine On\nRewriteRule ^ index.php\n' }).notes[0],
    ).to.match(/^\.htaccess is Apache's and is not read/)
    expect(planOf({ 'index.php': index, '.htaccess': 'Options -Indexes\n' }).notes).to.deep.equal([])
  })
})

describe('a constraint of Composer', () => {
  for (const [constraint, fits] of [
    ['^8.1', true],
    ['~8.0', true],
    ['~8.2.0', true],
    ['8.2.*', true],
    ['>=7.4 <8.3', true],
    ['>= 7.4, < 9', true],
    ['^7.4|^8.0', true],
    ['^7.4 || ~8.1.0 || ~8.2.0', true],
    ['7.4 - 8.2', true],
    ['8.2', true],
    ['8.2.5', true],
    ['*', true],
    ['^8.3', false],
    ['~8.1.0', false],
    ['^7.4', false],
    ['>=8.4', false],
    ['7.4 - 8.1', false],
    ['8.3.1', false],
  ] as const)
    it(`${constraint} ${fits ? 'lets 8.2 in' : 'keeps 8.2 out'}`, () =>
      expect(allows(constraint, '8.2.99')).to.equal(fits))
})

describe('why a build of a PHP app failed', () => {
  for (const [line, reason] of [
    [
      'curl error 6 while downloading https://packages.example/packages.json: Could not resolve host: packages.example',
      'packages.example cannot be reached from here',
    ],
    ['  - Required package "a/b" is not present in the lock file.', 'run `composer update --lock`'],
    ['  - a/b 1.0 requires ext-foo * -> it is missing from your system.', 'composer require ext-foo'],
    [
      'PHP Parse error:  syntax error, unexpected token ";" in /app/x.php on line 3',
      'syntax error, unexpected token ";"',
    ],
    [
      'Script @php artisan package:discover handling the post-autoload-dump event returned with error code 1',
      '@php artisan package:discover',
    ],
  ] as const)
    it(`is told of ${line.slice(0, 60)}`, () => expect(phpReason(['x', line])).to.include(reason))

  it('is not told of what it does not know', () => expect(phpReason(['all is well'])).to.equal(null))
})
