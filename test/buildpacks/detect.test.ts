import { expect } from 'chai'
import { complaintOf, pkg, planOf, type Files } from './trees.js'

const start = pkg({ scripts: { start: 'node server.js' } })

const kinds: Record<string, { files: Files; is: string }> = {
  'package.json': { files: { 'package.json': start }, is: 'nodejs' },
  'an index.html at the top': { files: { 'index.html': '' }, is: 'static' },
  'an index.html in public/': { files: { 'public/index.html': '' }, is: 'static' },
  'an index.html in dist/': { files: { 'dist/index.html': '' }, is: 'static' },
  'a Dockerfile': { files: { Dockerfile: 'FROM debian' }, is: 'dockerfile' },
  'a Dockerfile beside a package.json': {
    files: { Dockerfile: 'FROM debian', 'package.json': start },
    is: 'dockerfile',
  },
  'a package.json beside an index.html': { files: { 'package.json': start, 'index.html': '' }, is: 'nodejs' },
  'an index.html and a package.json for tools only': {
    files: { 'package.json': pkg({ devDependencies: { prettier: '3' } }), 'index.html': '' },
    is: 'static',
  },
}

describe('detection', () => {
  for (const [name, { files, is }] of Object.entries(kinds))
    it(`takes ${name} for ${is}`, () => expect(planOf(files).buildpack).to.equal(is))

  it('lists what it knows when it recognises nothing', () => {
    expect(complaintOf({ 'main.f90': '', 'README.md': '' }))
      .to.include('no stack recognised in README.md, main.f90')
      .and.to.include('Node.js')
      .and.to.include('Dockerfile')
      .and.to.include('index.html')
  })

  for (const [file, says] of [
    ['server.js', /^server\.js is a program for Node\.js, and there is no package\.json\nrun `npm init -y`/],
    ['main.ts', /^main\.ts is TypeScript, and nothing says what runs it\ncommit a deno\.json/],
    ['config.ru', /^config\.ru is a Rack app, and there is no Gemfile\nrun `bundle init`/],
    ['Main.java', /^Main\.java is a program for the JVM, .*\nwrite a pom\.xml/],
    ['mkdocs.yml', /^mkdocs\.yml is the configuration of a generator of sites, .*\nbuild the site/],
  ] as const)
    it(`says what an app lacks that has ${file} alone`, () => {
      expect(complaintOf({ [file]: '' })).to.match(says)
      expect(complaintOf({ [`src/${file}`]: '' })).to.match(new RegExp(`^src/${says.source.slice(1)}`))
      expect(complaintOf({ [file]: '', 'web/go.mod': '' })).to.include('dir=web')
    })

  it('names every app that lies below, and how each is deployed', () => {
    const one = complaintOf({ 'README.md': '', 'apps/api/go.mod': '', 'apps/api/web/package.json': '{}' })
    expect(one)
      .to.include('; apps/api has a go.mod\n')
      .and.to.match(/deploy that folder: berth builds:set dir=apps\/api, then push again$/)
    const two = complaintOf({ 'api/requirements.txt': '', 'web/package.json': '{}' })
    expect(two)
      .to.include('; api has a requirements.txt, web has a package.json\n')
      .and.to.match(/deploy one of these folders: berth builds:set dir=api, then .* the other \(dir=web\) make an app/)
    const six = complaintOf(Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`${name}/go.mod`, ''])))
    expect(six).to.include('dir=d').and.not.include('dir=e')
  })

  it('says whose the Procfile is where it is no buildpack that takes the rest', () => {
    const php = complaintOf({ 'index.php': '', Procfile: 'release: true\nweb: java -jar x.jar\n' })
    expect(php).to.equal(
      'this is a PHP app, and its Procfile is for another: `web: java -jar x.jar`\n' +
        'write `web: serve-php` into Procfile, or take Procfile away, which starts the same; an app of several languages names their buildpacks in .buildpacks',
    )
    const go = complaintOf({
      'go.mod': 'module x\n',
      'main.go': 'package main\nfunc main() {}\n',
      Procfile: 'web: npm start',
    })
    expect(go).to.include('this is a Go app, and its Procfile is for another: `web: npm start`').and.include('`web: x`')
    expect(complaintOf({ Procfile: 'web: java -jar x.jar\n', 'data.txt': '' })).to.include('no stack recognised')
  })

  it('says which language it is that it has no buildpack for', () => {
    for (const [file, name] of [
      ['project.clj', 'Clojure'],
      ['gleam.toml', 'Gleam'],
      ['shop.cabal', 'Haskell'],
      ['cpanfile', 'Perl'],
      ['main.scm', 'Scheme'],
    ] as const)
      expect(complaintOf({ [file]: '', 'README.md': '' }))
        .to.include(`this is an app in ${name} (${file})`)
        .and.to.include('.buildpacks')
    expect(complaintOf({ 'stack.yaml': '', 'package.yaml': '' })).to.include('an app in Haskell')
    expect(complaintOf({ 'gleam.toml': '', 'web/package.json': '{}' })).to.include('dir=web')
    expect(planOf({ cpanfile: '', 'index.html': '' }).buildpack).to.equal('static')
  })

  it('says so when there are no files at all', () =>
    expect(complaintOf({})).to.include('the commit has no files in it'))

  it('does not follow a link out of the tree', () => {
    expect(complaintOf({ 'package.json': { to: '/etc/passwd' } })).to.include('no stack recognised')
    expect(complaintOf({ 'index.html': { to: '../../../etc/passwd' }, 'a.txt': '' })).to.include('no stack recognised')
  })

  it('follows a link inside the tree', () =>
    expect(planOf({ 'real.json': start, 'package.json': { to: 'real.json' } }).buildpack).to.equal('nodejs'))

  it('does not read a package.json that is too large to be one', () =>
    expect(complaintOf({ 'package.json': ' '.repeat(5_000_000) })).to.match(/package\.json is 5000000 bytes/))

  it('names an app that lies below the top, and how to push it', () => {
    const complaint = complaintOf({ 'README.md': '', 'docs/x.md': '', 'apps/web/package.json': '{}' })
    expect(complaint).to.include('apps/web has a package.json').and.to.include('berth builds:set dir=apps/web')
    expect(complaintOf({ 'README.md': '', 'site/index.html': '' })).to.include('site has an index.html')
    expect(complaintOf({ 'README.md': '', 'node_modules/x/package.json': '{}', '.x/Dockerfile': '' })).not.to.include(
      'has a',
    )
  })
})
