import { expect } from 'chai'
import { siteStage } from '../../../src/buildpacks/static/stage.js'
import { nginxStage } from '../../../src/buildpacks/static/nginx-stage.js'
import { complaintOf, pkg, planOf } from '../trees.js'

describe('a static site', () => {
  it('is served by nginx, from where its index.html is', () => {
    const plan = planOf({ 'public/index.html': 'hi' })
    expect(plan.dockerfile.startsWith(`${nginxStage}\n`)).to.equal(true)
    expect(plan.dockerfile)
      .to.include('COPY public /srv/site\nRUN ["install-site"]\n')
      .and.to.include('\nUSER www-data\nSTOPSIGNAL SIGQUIT\nCMD ["serve-site"]\n')
    expect(plan.processTypes).to.deep.equal({ web: 'serve-site' })
    expect(plan.notes).to.deep.equal(['serving public/'])
  })

  it('is taken from the stage that makes it', () => {
    expect(siteStage({ place: '/tmp/site', stage: 'build', fallback: 'index' }).join('\n'))
      .to.include('RUN --mount=type=bind,from=build,source=/tmp/site,target=/mnt/site ["install-site"')
      .and.to.include('yes /index.html;')
  })

  for (const [file, text] of [
    ['static.json', '{"root": ".", "modsecurity": true}'],
    ['Staticfile', 'modsecurity: enabled'],
  ] as const)
    it(`has its requests looked at by ModSecurity where ${file} says so, and where it does not, has none`, () => {
      const { dockerfile, notes } = planOf({ [file]: text, 'index.html': '' })
      expect(dockerfile)
        .to.match(/^RUN .*install.* libnginx-mod-http-modsecurity modsecurity-crs /m)
        .and.include('\n  modsecurity on;\n  modsecurity_rules_file /etc/nginx/site-modsecurity.conf;\n')
        .and.include("FILE' /etc/nginx/site-modsecurity.conf\n")
      expect(notes).to.deep.equal([])
      const without = planOf({ [file]: text.replace(/true|enabled/, 'false'), 'index.html': '' })
      expect(without.dockerfile).not.to.include('modsecurity')
    })

  for (const [file, text] of [
    ['static.json', '{"root": "site/"}'],
    ['Staticfile', 'root: ./site'],
  ] as const)
    it(`lies where ${file} says, with or without an index.html`, () => {
      expect(planOf({ [file]: text, 'site/page.html': '', 'index.html': '' }).dockerfile).to.include(
        'COPY site /srv/site\n',
      )
    })

  it('is the top where a Staticfile or .static says no more', () => {
    expect(planOf({ Staticfile: '', 'a.html': '' }).dockerfile).to.include('COPY . /srv/site\n')
    expect(planOf({ '.static': '', 'a.html': '' }).dockerfile).to.include('COPY . /srv/site\n')
  })

  it('is in public_html for a static.json without a root, as on Heroku', () => {
    expect(planOf({ 'static.json': '{}', 'public_html/index.html': '' }).dockerfile).to.include(
      'COPY public_html /srv/site\n',
    )
    expect(complaintOf({ 'static.json': '{}', 'index.html': '' })).to.match(/static\.json: the root public_html is no/)
  })

  for (const [root, said] of [
    ['gone', /the root gone is no directory/],
    ['file', /the root file is a file/],
    ['../up', /the root \.\.\/up is no directory/],
    ['a\nRUN rm', /the root a\?RUN rm is no directory/],
    ['out', /the root out is no directory/],
  ] as const)
    it(`is refused for the root ${JSON.stringify(root)}`, () => {
      const files = { file: '', out: { to: '/etc' }, 'index.html': '' }
      expect(complaintOf({ ...files, 'static.json': JSON.stringify({ root }) }))
        .to.match(said)
        .and.to.include('"root" in static.json')
    })

  it('names what it does not use', () => {
    const { notes } = planOf({
      'static.json': JSON.stringify({ root: '.', proxies: { '/api': {} }, error_page: 'e.html', clean_urls: true }),
      _redirects: '/a /b 301 Country=de\n',
      _headers: '/x\n  Content-Length: 5\n',
    })
    expect(notes).to.deep.equal([
      'static.json: not used: proxies',
      '_redirects: not used: /a /b 301 Country=de',
      '_headers: not used: Content-Length: 5',
    ])
    expect(planOf({ Staticfile: 'root: .\nlocation_include: x.conf', 'a.html': '' }).notes).to.deep.equal([
      'Staticfile: not used: location_include',
    ])
  })

  it('has its place in the file for a static.json that is not JSON', () => {
    expect(complaintOf({ 'static.json': '{"root": }' })).to.match(/^static\.json:1:10: not JSON/)
  })

  it('takes the passwords of a .htpasswd or Staticfile.auth', () => {
    expect(planOf({ 'index.html': '', '.htpasswd': 'a:b' }).dockerfile).to.include(
      'COPY [".htpasswd","/etc/nginx/site.users"]',
    )
  })

  it('may have a package.json for its tools', () => {
    expect(planOf({ 'package.json': pkg(), 'static.json': '{"root":"www"}', 'www/a.html': '' }).dockerfile).to.include(
      'COPY www /srv/site\n',
    )
  })

  it('is served as its files say where a build makes it, too', () => {
    const { dockerfile, notes } = planOf({
      'package.json': pkg({ scripts: { build: 'vite build' }, devDependencies: { vite: '8' } }),
      'public/_headers': '/*\n  X-A: b\n',
      'static.json': '{"root": "dist", "proxies": {}}',
      '.htpasswd': '',
    })
    expect(dockerfile).to.include('add_header "X-A"').and.to.include('COPY [".htpasswd",')
    expect(notes).to.include('static.json: not used: proxies')
  })
})
