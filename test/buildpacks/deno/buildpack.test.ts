import { expect } from 'chai'
import { denoReason } from '../../../src/buildpacks/deno/failure.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const web = (files: Files): string | null | undefined => planOf(files).processTypes.web
const steps = (files: Files): string[] =>
  planOf(files)
    .dockerfile.split('\n')
    .filter((line) => /^(?:COPY --chown|RUN deno|CMD)/.test(line))
const deno = (fields: object = {}): string => JSON.stringify(fields)

describe('the Deno buildpack', () => {
  it('fetches what deno.json names before the code is there, and starts the task', () => {
    const files = {
      'deno.json': deno({
        imports: { hono: 'npm:hono@4' },
        tasks: { start: 'deno run -A main.ts' },
      }),
      'deno.lock': '{}',
      'main.ts': '',
    }
    const { dockerfile, ...plan } = planOf(files)
    expect(plan).to.deep.include({
      buildpack: 'deno',
      version: '2',
      origin: 'Dockerfile',
      notes: [],
    })
    expect(plan.processTypes).to.deep.equal({
      web: 'DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT deno task start',
    })
    expect(dockerfile).to.include(
      'npm install --global --no-audit --no-fund --no-update-notifier --loglevel=error deno@2 ',
    )
    expect(steps(files)).to.deep.equal([
      'COPY --chown=app:app deno.json deno.lock ./',
      'RUN deno install',
      'COPY --chown=app:app . .',
      'RUN deno cache --allow-import --frozen main.ts',
      'CMD ["/bin/sh","-c","DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT deno task start"]',
    ])
  })

  it('starts a module of the usual names, with the rights that are declared', () => {
    expect(web({ 'deno.json': '{}', 'main.ts': 'Deno.serve(() => new Response())' })).to.match(/deno run -A main\.ts$/)
    expect(
      web({
        'deno.jsonc': deno({ permissions: { default: { net: true } } }),
        'server.js': '',
      }),
    ).to.match(/deno run -P server\.js$/)
    const handlers = [
      'export default { fetch() {} }',
      'export default {\n  fetch(request) {}\n} satisfies Deno.ServeDefaultExport',
    ]
    for (const text of handlers) expect(web({ 'deno.lock': '{}', 'main.ts': text })).to.match(/deno serve -A main\.ts$/)
    expect(
      web({
        'deno.json': '{}',
        'main.ts': '',
        Procfile: 'web: deno run -A other.ts',
      }),
    ).to.equal('deno run -A other.ts')
    expect(complaintOf({ 'deno.json': '{}' })).to.match(/nothing says how to start it\nadd a "start" task/)
  })

  it('takes a program that is plainly for Deno without a deno.json, and no other', () => {
    for (const text of [
      'Deno.serve(() => new Response())',
      'import * as o from "https://deno.land/x/cowsay/mod.ts"\n',
      "import { x } from 'jsr:@std/x'\n",
      'import "npm:express@4"\n',
      'const { x } = await import("npm:x")\n',
    ])
      expect(web({ 'src/index.ts': text }), text).to.equal(
        'DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT deno run -A src/index.ts',
      )
    expect(planOf({ 'a.ts': '', Procfile: 'web: deno run -A a.ts' }).buildpack).to.equal('deno')
    const serve = 'Deno.serve(() => new Response())'
    expect(
      planOf({
        'main.ts': serve,
        'package.json': pkg({ scripts: { start: 'node x.js' } }),
      }).buildpack,
    ).to.equal('nodejs')
    expect(planOf({ 'main.ts': serve, 'index.html': '' }).buildpack).to.equal('static')
    for (const text of [
      'import x from "./npm:x"',
      'Bun.serve({})',
      'import { readFile } from "node:fs"',
      'const myDeno = 1',
    ])
      expect(complaintOf({ 'main.ts': text }), text).to.include('TypeScript, and nothing says what runs it')
  })

  it('runs no task that watches, and takes tasks that are objects', () => {
    const tasks = {
      start: 'deno run -A --watch=static/ dev.ts',
      build: 'deno run -A dev.ts build',
    }
    const fresh = {
      'deno.json': deno({
        tasks: { ...tasks, preview: { command: 'deno run -A main.ts' } },
      }),
    }
    expect(web({ ...fresh, 'main.ts': '' })).to.match(/deno task preview$/)
    expect(planOf({ ...fresh, 'main.ts': '' }).notes[0]).to.include('is for development: it is not run')
    expect(web({ 'deno.json': deno({ tasks }), 'main.ts': '' })).to.match(/deno run -A main\.ts$/)
    const built = {
      'deno.json': deno({
        tasks: { build: 'vite build', start: 'deno serve -A _fresh/server.js' },
      }),
    }
    expect(steps(built).slice(1, 3)).to.deep.equal([
      'RUN deno task build',
      'RUN deno cache --allow-import _fresh/server.js',
    ])
  })

  it('takes exact versions, ranges and what tools write, and refuses others', () => {
    const version = (files: Files): string => planOf({ 'deno.json': '{}', 'main.ts': '', ...files }).version
    expect(version({ '.deno-version': 'v2.1.4\n' })).to.equal('2.1.4')
    expect(version({ '.dvmrc': '1.46.3' })).to.equal('1.46.3')
    expect(version({ '.tool-versions': 'nodejs 22\ndeno 2.2.0\n' })).to.equal('2.2.0')
    expect(version({ '.deno-version': 'latest' })).to.equal('2')
    expect(planOf({ 'deno.json': '{}', 'main.ts': '', '.deno-version': '^2.1 <2.5' }).dockerfile).to.include(
      "'deno@^2.1 <2.5'",
    )
    const refused = (text: string): string => complaintOf({ 'deno.json': '{}', 'main.ts': '', '.deno-version': text })
    expect(refused('1.20.0')).to.match(/"1\.20\.0" is no version of Deno that npm has for Linux/)
    expect(refused("2' && id #")).to.include('is no version of Deno')
  })

  it('reads comments and trailing commas, and says where a file is wrong', () => {
    const text = '{\n  // a start\n  "tasks": { "start": "deno run -A main.ts // no comment", /* x, */ },\n}\n'
    expect(web({ 'deno.json': text, 'main.ts': '' })).to.match(/deno task start$/)
    expect(complaintOf({ 'deno.json': '{\n  // one\n  "tasks": oops\n}' })).to.match(/^deno\.json:3:12: not JSON/)
    expect(complaintOf({ 'deno.json': deno({ tasks: 1 }) })).to.match(/^deno\.json: .*tasks/)
  })

  it('waits for the tree where deno.json is not all that decides', () => {
    const imports = { hono: 'npm:hono@4' }
    const waits = (fields: object, more: Files = {}): boolean =>
      steps({
        'deno.json': deno({ imports, ...fields }),
        'main.ts': '',
        ...more,
      })[0] === 'COPY --chown=app:app . .'
    expect(waits({})).to.equal(false)
    for (const fields of [{ vendor: true }, { workspace: ['./a'] }, { importMap: './sub/map.json' }])
      expect(waits(fields), JSON.stringify(fields)).to.equal(true)
    expect(waits({}, { '.deno-version': '1.46.3' })).to.equal(true)
  })

  it('leaves a tree to others where Deno is a tool of it', () => {
    const both = { 'deno.json': '{}', 'server.js': '' }
    expect(
      planOf({
        ...both,
        'package.json': pkg({ scripts: { start: 'node server.js' } }),
      }).buildpack,
    ).to.equal('nodejs')
    expect(
      planOf({
        ...both,
        'package.json': pkg({ scripts: { start: 'deno run -A server.js' } }),
      }).buildpack,
    ).to.equal('deno')
    expect(planOf({ ...both, 'requirements.txt': '', 'app.py': '' }).buildpack).to.equal('python')
    expect(planOf({ 'deno.json': '{}', 'index.html': '', Procfile: 'web: ./x' }).buildpack).to.equal('static')
  })

  it('tells why a build failed', () => {
    const lines = {
      'error: The lockfile is out of date. Run `deno install --frozen=false`': /^deno\.lock does not match/,
      "\u001B[0m\u001B[1m\u001B[31merror\u001B[0m: JSR package manifest for '@std/path' failed to load. Import 'https":
        /^@std\/path cannot be had from JSR.*vendor/,
      "error: Import 'https://deno.land/x/a/mod.ts' failed.": /^https:\/\/deno\.land\/x\/a\/mod\.ts cannot be had/,
      'npm error notarget No matching version found for deno@2.99.0.': /^npm has no deno@2\.99\.0: see \.deno-version/,
      "error: npm package 'nope' does not exist.": /^deno: npm package 'nope' does not exist\./,
    }
    for (const [line, words] of Object.entries(lines)) expect(denoReason(['Download x', line])).to.match(words)
    expect(denoReason(['fine'])).to.equal(null)
  })
})
