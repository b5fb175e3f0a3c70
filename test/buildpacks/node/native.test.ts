import { expect } from 'chai'
import { pkg, planOf, type Files } from '../trees.js'

const dockerfile = (fields: object, files: Files = {}): string =>
  planOf({ 'package.json': pkg({ scripts: { start: 'node x.js' }, ...fields }), ...files }).dockerfile

const last = (text: string): string => text.split('\n\n').at(-1) ?? ''

describe('packages that are compiled', () => {
  const compiled = /apt-get install -qy --no-install-recommends python3 make g\+\+/

  it('have compilers and the headers of Node.js where they are installed, and nothing of it in the image', () => {
    const text = dockerfile({ dependencies: { 'better-sqlite3': '^12.0.0' } })
    expect(text).to.match(compiled).and.to.include('ln -s /usr/local/include').and.to.include('JOBS=4')
    expect(text).to.include('npm pack --silent "node-linux-$(node -p process.arch)@$NODE_VERSION"')
    expect(last(text)).not.to.match(/apt-get|JOBS/)
    expect(last(text)).to.include('COPY --from=production')
  })

  for (const [name, lock] of [
    ['package-lock.json', '{"packages":{"node_modules/sqlite3": {}}}'],
    ['yarn.lock', '# yarn lockfile v1\n\nsqlite3@^5.1.7:\n  version "5.1.7"\n'],
    ['pnpm-lock.yaml', "lockfileVersion: '9.0'\npackages:\n  sqlite3@5.1.7:\n"],
    ['bun.lock', '{"packages": {\n"sqlite3": ["sqlite3@5.1.7"]}}'],
  ] as const)
    it(`are found in ${name} where others depend on them`, () => {
      expect(dockerfile({ dependencies: { keyv: '5' } }, { [name]: lock })).to.match(compiled)
      expect(
        dockerfile({ dependencies: { keyv: '5' } }, { [name]: lock.replaceAll('sqlite3', 'mysqlite3x') }),
      ).not.to.match(compiled)
    })

  it('are not installed anew without their compilation by Bun, which cannot prune', () => {
    const text = dockerfile({ dependencies: { 'better-sqlite3': '^12.0.0' } }, { 'bun.lock': '{}' })
    expect(text).to.match(compiled).and.to.include('bun install')
    expect(text).not.to.match(/--ignore-scripts|--production/)
  })

  it('are not those that bring what they need, in later versions', () => {
    const of = (name: string, range: string): boolean => compiled.test(dockerfile({ dependencies: { [name]: range } }))
    expect([
      of('bcrypt', '^5.1.0'),
      of('bcrypt', '^6.0.0'),
      of('sharp', '0.32.6'),
      of('sharp', '^0.34.0'),
    ]).to.deep.equal([true, false, true, false])
    expect(of('express', '^5.0.0')).to.equal(false)
  })

  it('have the libraries that they are linked with, where they are built and where they run', () => {
    const text = dockerfile({ dependencies: { canvas: '^3.0.0' } })
    expect(text).to.include('libcairo2-dev')
    expect(last(text)).to.include(' libcairo2 ').and.not.to.include('-dev')
  })
})

describe('packages that need more than npm brings', () => {
  it('are Prisma, with OpenSSL where it is generated and where it runs', () => {
    const text = dockerfile({
      scripts: { start: 'node x', build: 'prisma generate' },
      dependencies: { '@prisma/client': '6' },
    })
    expect(text.match(/no-install-recommends openssl ca-certificates/g)).to.have.length(2)
  })
  it('are Prisma, whose client is generated before the build, unless a script of the app does it', () => {
    const built = (scripts: object, files: Files = { 'prisma/schema.prisma': '' }): string =>
      dockerfile({ scripts: { start: 'node x', ...scripts }, dependencies: { '@prisma/client': '6' } }, files)
    expect(built({ build: 'tsc' })).to.include(' npx prisma generate && npm run build')
    expect(built({})).to.include(' npx prisma generate')
    expect(built({ build: 'prisma generate && tsc' })).not.to.include('npx prisma')
    expect(built({ build: 'tsc' }, {})).not.to.include('npx prisma')
  })
  it('are Puppeteer, with Chromium from Debian instead of a download', () => {
    const text = dockerfile({ dependencies: { puppeteer: '24' } })
    expect(text).to.include('chromium').and.to.include('PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium')
    expect(text).to.include('PUPPETEER_SKIP_DOWNLOAD=1')
  })
})
