import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { parse } from 'dotenv'
import { buildEnv } from '../../../src/serve/build-env.js'
import { cargo } from '../../../src/serve/clients/cargo.js'
import { thisHost, type Host } from '../../../src/serve/clients/client.js'
import { go } from '../../../src/serve/clients/go.js'
import { maven } from '../../../src/serve/clients/maven.js'
import { python } from '../../../src/serve/clients/python.js'
import { ruby } from '../../../src/serve/clients/ruby.js'

/** A host with these files and variables alone; files below `~` are the person's. */
const host = (files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): Host => ({
  env,
  home: '~',
  configHome: '~/.config',
  read: (path) => files[path] ?? null,
})

const plain = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString()

describe('what the package clients of a host are set to', () => {
  it('is nothing where nothing is set', () => {
    for (const client of [python, go, cargo, maven, ruby]) expect(client(host({}))).to.deep.equal({})
  })

  it("is, for Bundler, the mirror of all sources or of one, by a variable or the person's file", () => {
    const files = {
      '~/.bundle/config': '---\nBUNDLE_JOBS: "4"\nBUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE/: "http://mirror/gems"\n',
    }
    expect(ruby(host(files))).to.deep.equal({ BUNDLE_MIRROR__ALL: 'http://mirror/gems' })
    const all = { BUNDLE_MIRROR__ALL: 'http://variable' }
    expect(ruby(host(files, all))).to.deep.equal(all)
    expect(ruby(host(files, { BUNDLE_USER_CONFIG: '/dev/null' }))).to.deep.equal({})
  })

  it("is, for pip, the person's file over the machine's, and uv is told the same", () => {
    const files = {
      '/etc/pip.conf':
        '[global]\nindex-url = http://machine/simple\ncert = /ca\ntrusted-host =\n    machine\n    other # kept\n',
      '~/.config/pip/pip.conf':
        '# mine\n[list]\nindex-url = http://not/\n[global]\nIndex_URL: http://mine/simple\nextra-index-url = http://a/\n  http://b/\n',
    }
    expect(python(host(files))).to.deep.equal({
      PIP_INDEX_URL: 'http://mine/simple',
      UV_DEFAULT_INDEX: 'http://mine/simple',
      PIP_EXTRA_INDEX_URL: 'http://a/ http://b/',
      UV_INDEX: 'http://a/ http://b/',
      PIP_TRUSTED_HOST: 'machine other # kept',
      UV_INSECURE_HOST: 'machine other # kept',
    })
    expect(python(host(files, { PIP_INDEX_URL: 'http://variable/' }))).to.include({
      PIP_INDEX_URL: 'http://variable/',
      UV_DEFAULT_INDEX: 'http://variable/',
    })
    expect(python(host(files, { PIP_CONFIG_FILE: '/dev/null' }))).to.deep.equal({})
  })

  it('is, for uv, its own file, which pip is told of where it has none', () => {
    const files = {
      '~/.config/uv/uv.toml': '[[index]]\nurl = "http://more/"\n[[index]]\nurl = "http://uv/"\ndefault = true\n',
      '/etc/uv/uv.toml': 'index-url = "http://machine/"\n',
    }
    const told = { PIP_EXTRA_INDEX_URL: 'http://more/', UV_INDEX: 'http://more/' }
    expect(python(host(files))).to.deep.equal({ PIP_INDEX_URL: 'http://uv/', UV_DEFAULT_INDEX: 'http://uv/', ...told })
    expect(python(host({ ...files, '/etc/pip.conf': '[install]\nindex-url=http://pip/' }))).to.deep.equal({
      PIP_INDEX_URL: 'http://pip/',
      UV_DEFAULT_INDEX: 'http://uv/',
      ...told,
    })
    expect(python(host({ '/etc/uv/uv.toml': 'not toml' }))).to.deep.equal({})
  })

  it('is, for Go, its variables, else what `go env -w` wrote', () => {
    const files = { '~/.config/go/env': 'GOFLAGS=-mod=mod -v\nGOTOOLCHAIN=local\nGOPROXY=http://proxy\n' }
    expect(go(host(files, { GOPROXY: 'off' }))).to.deep.equal({ GOPROXY: 'off', GOFLAGS: '-mod=mod -v' })
    expect(go(host(files, { GOENV: 'off', GOPRIVATE: 'x' }))).to.deep.equal({ GOPRIVATE: 'x' })
  })

  it('is, for Cargo, the tables that say where crates come from, without tokens', () => {
    const config =
      '[build]\njobs = 1\n[source.crates-io]\nreplace-with = "near"\n[source."near"]\nregistry = "sparse+http://near/"\n[registries.own]\nindex = "x"\ntoken = "secret"\n[term]\nquiet = true\n'
    expect(plain(cargo(host({ '~/.cargo/config.toml': config })).BERTH_CARGO_CONFIG)).to.equal(
      '[source.crates-io]\nreplace-with = "near"\n[source."near"]\nregistry = "sparse+http://near/"\n[registries.own]\nindex = "x"\n',
    )
    const variables = { CARGO_HOME: '/c', CARGO_REGISTRIES_OWN_INDEX: 'x', CARGO_REGISTRIES_OWN_TOKEN: 'secret' }
    const found = cargo(host({ '/c/config': '[build]\njobs = 1\n' }, variables))
    expect(found).to.deep.equal({ CARGO_REGISTRIES_OWN_INDEX: 'x' })
  })

  it('is, for Maven, the mirrors, without the passwords of its servers', () => {
    const settings = (mirrors: string): string =>
      `<settings><!-- <mirrors><mirror><url>no</url></mirror></mirrors> --><servers><server><password>secret</password></server></servers><mirrors>${mirrors}</mirrors></settings>`
    const mirror = '<mirror><id>near</id><mirrorOf>*</mirrorOf><url>http://near/</url></mirror>'
    const blocker = '<mirror><id>maven-default-http-blocker</id><url>http://0.0.0.0/</url></mirror>'
    const found = plain(maven(host({ '~/.m2/settings.xml': settings(mirror) })).BERTH_MAVEN_SETTINGS)
    expect(found).to.equal(`<settings>\n<mirrors>${mirror}</mirrors>\n</settings>\n`)
    expect(maven(host({ '/etc/maven/settings.xml': settings(blocker) }))).to.deep.equal({})
  })

  it('reaches the file that builds are told from, as it is read there', async () => {
    const home = mkdtempSync(join(tmpdir(), 'berth-clients-'))
    try {
      for (const [path, text] of Object.entries({
        '.config/go/env': 'GOPROXY=http://proxy\n',
        '.cargo/config.toml': '[registry]\ndefault = "own"\n',
      })) {
        mkdirSync(dirname(join(home, path)), { recursive: true })
        writeFileSync(join(home, path), text)
      }
      const env = { HOME: home, HTTPS_PROXY: 'http://p:1' }
      expect(thisHost(env).configHome).to.equal(join(home, '.config'))
      const told = parse(await buildEnv(env))
      expect(told).to.include({ HTTPS_PROXY: 'http://p:1', GOPROXY: 'http://proxy' })
      expect(told.YARN_NPM_REGISTRY_SERVER).to.equal(told.NPM_CONFIG_REGISTRY)
      expect(plain(told.BERTH_CARGO_CONFIG)).to.equal('[registry]\ndefault = "own"\n')
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})
