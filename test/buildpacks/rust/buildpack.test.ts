import { expect } from 'chai'
import { detect } from '../../../src/buildpacks/detect.js'
import { directoryTree } from '../../../src/buildpacks/tree.js'
import { complaintOf, planOf, withTree, type Files } from '../trees.js'

const main = 'fn main() {}\n'
const cargo = (more = '', name = 'shop'): string => `[package]\nname = "${name}"\nversion = "0.1.0"\n${more}`
const lock = (...names: string[]): string =>
  `version = 4\n${names.map((name) => `[[package]]\nname = "${name}"\nversion = "1.0.0"\n`).join('\n')}`
const app = (files: Files = {}): Files => ({
  'Cargo.toml': cargo(),
  'Cargo.lock': lock('shop'),
  'src/main.rs': main,
  ...files,
})
const types = (files: Files) => planOf(app(files)).processTypes
const build = (files: Files): string =>
  /cargo build .*/
    .exec(planOf(app(files)).dockerfile)?.[0]
    .replace(/ \\$/, '')
    .replace('cargo build --release ', '') ?? ''

describe('the Rust buildpack', () => {
  it('builds a program into an image that has it, certificates and time zones', () => {
    const { dockerfile, ...plan } = planOf(app())
    expect(plan).to.deep.include({ buildpack: 'rust', found: 'Rust app', processTypes: { web: 'shop' }, notes: [] })
    const steps = dockerfile.split('\n').filter((line) => /^(?:FROM|COPY|USER|CMD)|cargo build|&& cp/.test(line))
    expect(steps).to.deep.equal([
      'FROM rust:1-slim-bookworm AS build',
      'COPY . .',
      ' && cargo build --release --locked --package shop --bin shop \\',
      ' && cp target/release/shop /out/bin/ \\',
      'FROM debian:bookworm-slim',
      'COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
      'COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo',
      'COPY --from=build --chown=app:app /out /app',
      'USER app',
      'CMD ["/bin/sh","-c","exec shop"]',
    ])
    expect(planOf(app({ '.dockerignore': 'secret' })).dockerignore.split('\n')).to.include.members([
      'target',
      'rust-toolchain.toml',
      'secret',
    ])
  })

  it('makes a process type of every program, as Cargo finds them', () => {
    expect(types({ 'src/bin/migrate.rs': main, 'src/bin/work/main.rs': main, 'src/bin/lib.txt': '' })).to.deep.equal({
      web: 'shop',
      migrate: 'migrate',
      work: 'work',
    })
    expect(types({ 'Cargo.toml': cargo('default-run = "b"\n'), 'src/bin/b.rs': main })).to.deep.equal({
      web: 'b',
      shop: 'shop',
    })
    expect(types({ 'src/bin/server.rs': main })).to.deep.equal({ web: 'server', shop: 'shop' })
    expect(types({ 'Cargo.toml': cargo('[[bin]]\nname = "one"\npath = "./src/main.rs"\n') })).to.deep.equal({
      web: 'one',
    })
    expect(
      types({ 'Cargo.toml': cargo('autobins = false\n[[bin]]\nname = "two"\npath = "src/two.rs"\n') }),
    ).to.deep.equal({ web: 'two' })
    const featured =
      '[[bin]]\nname = "gui"\nrequired-features = ["gui"]\n[[bin]]\nname = "tls"\nrequired-features = ["tls"]\n[features]\ndefault = ["tls"]\n'
    expect(types({ 'Cargo.toml': cargo(featured) })).to.deep.equal({ web: 'shop', tls: 'tls' })
    expect(types({ 'Cargo.toml': cargo('[dependencies]\nrocket = "0.5"\n') })).to.deep.equal({
      web: 'ROCKET_PORT=$PORT shop',
    })
  })

  it('asks which program is the web where that cannot be seen', () => {
    const several = {
      'src/main.rs': '',
      'src/bin/one.rs': main,
      'src/bin/two.rs': main,
      'Cargo.toml': cargo('autobins = true\n[[bin]]\nname = "z"\npath = "src/main.rs"\n'),
    }
    expect(complaintOf(app(several))).to.match(/several programs.*: z, one, two\nname it by `default-run`/)
    expect(complaintOf({ 'Cargo.toml': cargo(), 'src/lib.rs': '' })).to.match(
      /^no package has a program: shop is a library/,
    )
  })

  it('follows a Procfile written for Heroku', () => {
    const procfile = (text: string) => {
      const { processTypes, dockerfile, origin } = planOf(app({ 'src/bin/w.rs': main, Procfile: text }))
      return { ...processTypes, linked: dockerfile.includes('ln -s ../bin /out/target/release'), origin }
    }
    expect(procfile('web: ./target/release/shop --x\n')).to.deep.equal({
      web: './target/release/shop --x',
      linked: true,
      origin: 'Procfile',
    })
    expect(procfile('web: cargo run --release -- --port $PORT\nw: cargo run -r --bin w\n')).to.deep.equal({
      web: 'shop --port $PORT',
      w: 'w',
      linked: false,
      origin: 'Procfile',
    })
    expect(procfile('release: w\n')).to.include({ release: 'w', web: 'shop', origin: 'Dockerfile' })
  })

  it('builds the packages of a workspace that have programs', () => {
    const member = (name: string, more = '') => cargo(more, name)
    const files: Files = {
      'Cargo.toml': '[workspace]\nmembers = ["crates/*", "tools/gen"]\nexclude = ["crates/wasm"]\n',
      'Cargo.lock': lock('api'),
      'src/main.rs': '',
      'crates/api/Cargo.toml': member('api', '[dependencies]\naxum = { workspace = true }\n'),
      'crates/api/src/main.rs': main,
      'crates/core/Cargo.toml': member('core'),
      'crates/core/src/lib.rs': '',
      'crates/wasm/Cargo.toml': member('wasm'),
      'crates/wasm/src/main.rs': main,
      'tools/gen/Cargo.toml': member('gen'),
      'tools/gen/src/main.rs': main,
    }
    expect(planOf(files).processTypes).to.deep.equal({ web: 'api', gen: 'gen' })
    expect(planOf(files).dockerfile).to.include('--package api --package gen --bin api --bin gen ')
    const usual = '[workspace]\nmembers = ["crates/*", "tools/*"]\ndefault-members = ["tools/gen"]\n'
    expect(planOf({ ...files, 'Cargo.toml': usual }).processTypes).to.deep.equal({ web: 'gen' })
    const top = `${cargo()}[workspace]\nmembers = ["crates/api"]\n`
    expect(planOf({ ...files, 'Cargo.toml': top }).processTypes).to.deep.equal({ web: 'shop' })
    const asked = (variable: string) =>
      withTree({ ...files, 'Cargo.toml': top }, (directory) =>
        detect(directoryTree(directory), { BERTH_APP_DIR: variable }),
      ).processTypes
    expect(asked('crates/api')).to.deep.equal({ web: 'api' })
    expect(asked('api')).to.deep.equal({ web: 'api' })
    const both = {
      ...files,
      'Cargo.toml': usual.replace(/default.*/, ''),
      'crates/api/Cargo.toml': member('shop', '[dependencies]\naxum = "0.8"\n'),
      'tools/gen/Cargo.toml': member('gen', '[dependencies]\naxum = "0.8"\n'),
    }
    expect(complaintOf(both)).to.include(
      'several programs, and none of them is plainly the web process: shop, wasm, gen',
    )
    expect(complaintOf({ 'Cargo.toml': '[workspace]\nmembers = ["a"]\n' })).to.include('no package that is pushed')
  })

  it('takes the compiler that is pinned, and says what it takes it for', () => {
    const version = (files: Files) => planOf(app(files)).dockerfile.split(' ')[1]
    expect(version({ 'rust-toolchain.toml': '[toolchain]\nchannel = "1.85.1"\n' })).to.equal(
      'rust:1.85.1-slim-bookworm',
    )
    expect(version({ 'rust-toolchain': '1.80\n' })).to.equal('rust:1.80-slim-bookworm')
    expect(version({ 'rust-toolchain': '[toolchain]\nchannel = "stable"\n' })).to.equal('rust:1-slim-bookworm')
    expect(version({ '.rust-version': '1.90' })).to.equal('rust:1.90-slim-bookworm')
    expect(version({ 'rust-toolchain.toml': '[toolchain]\ncomponents = ["clippy"]\n' })).to.equal(
      'rust:1-slim-bookworm',
    )
    const nightly = planOf(app({ 'rust-toolchain': 'nightly-2024-05-01' }))
    expect(nightly.dockerfile).to.include(' RUSTC_BOOTSTRAP=1')
    expect(nightly.notes[0]).to.include('asks for nightly-2024-05-01: the newest stable Rust builds it')
    expect(complaintOf(app({ 'rust-toolchain': 'gccrs; x' }))).to.include(
      'rust-toolchain: "gccrs; x" is no version of Rust',
    )
    expect(complaintOf(app({ 'rust-toolchain.toml': 'channel = ' }))).to.match(/^rust-toolchain\.toml:1:\d+: not TOML/)
  })

  it('installs what crates bind, for the build and for what runs', () => {
    const { dockerfile } = planOf(app({ 'Cargo.lock': lock('openssl-sys', 'pq-sys', 'serde') }))
    expect(dockerfile.match(/--no-install-recommends [\w. +-]+/g)).to.deep.equal([
      '--no-install-recommends libpq-dev libssl-dev pkg-config',
      '--no-install-recommends libpq5 libssl3 ',
    ])
    const config = '[target.x86_64-unknown-linux-gnu]\nlinker = "clang"\nrustflags = ["-C", "link-arg=-fuse-ld=lld"]\n'
    expect(complaintOf(app({ '.cargo/config.toml': '[build]\ntarget = "wasm32-wasi"\n' }))).to.match(
      /^\.cargo\/config\.toml builds for WebAssembly \(build\.target is wasm32-wasi\).*\n.*take build\.target out/,
    )
    expect(planOf(app({ '.cargo/config.toml': config })).dockerfile).to.include('recommends clang lld\n')
    const cross = planOf(
      app({ '.cargo/config.toml': '[build]\ntarget = "x86_64-unknown-linux-musl"\nrustc-wrapper = "sccache"\n' }),
    )
    expect(cross.dockerfile)
      .to.include('cp target/$CARGO_BUILD_TARGET/release/shop ')
      .and.include(' CARGO_BUILD_RUSTC_WRAPPER=""')
    expect(cross.notes[0]).to.include('build.target')
    expect(planOf(app({ '.sqlx/query-1.json': '{}' })).dockerfile).to.include(' SQLX_OFFLINE=true')
  })

  it('builds without a Cargo.lock, and says what that means', () => {
    const { dockerfile, notes } = planOf({ 'Cargo.toml': cargo(), 'src/main.rs': main })
    expect(dockerfile).not.to.include('--locked')
    expect(notes[0]).to.include('no Cargo.lock')
    expect(build({})).to.equal('--locked --package shop --bin shop')
  })

  it('leaves a tree to what Rust is a library of', () => {
    const library = { 'Cargo.toml': cargo('[lib]\ncrate-type = ["cdylib"]\n'), 'src/lib.rs': '' }
    expect(planOf({ ...library, 'package.json': '{"scripts":{"start":"node ."}}', 'index.js': '' }).buildpack).to.equal(
      'nodejs',
    )
    expect(
      planOf({ ...library, 'pyproject.toml': '[project]\nname = "x"\nversion = "1"\n', 'main.py': '' }).buildpack,
    ).to.equal('python')
    expect(planOf(app({ 'package.json': '{"scripts":{"build":"tailwind"}}' })).buildpack).to.equal('rust')
    expect(planOf(app({ 'server.js': '', 'package.json': '{}', Procfile: 'web: node server.js' })).buildpack).to.equal(
      'nodejs',
    )
  })

  it('refuses what it cannot build, naming the place', () => {
    expect(complaintOf({ 'Cargo.toml': 'a = "' })).to.match(/^Cargo\.toml:1:\d+: not TOML/)
    expect(complaintOf({ 'Cargo.toml': '[lib]\n' })).to.match(/^Cargo\.toml:1:1: it has neither \[package\] nor/)
    expect(complaintOf({ 'Cargo.toml': cargo('', 'a b; rm') })).to.match(/^Cargo\.toml:1:1: "a b; rm" is no name/)
    expect(complaintOf(app({ 'Cargo.toml': cargo('[[bin]]\nname = "$(x)"\n') }))).to.include(
      'a name that no program can have',
    )
    expect(complaintOf(app({ 'Cargo.lock': '[[' }))).to.match(/^Cargo\.lock:1:\d+: not TOML/)
    expect(complaintOf(app({ 'Trunk.toml': '' }))).to.include('is built by Trunk for browsers')
    expect(complaintOf(app({ 'Cargo.toml': cargo('[package.metadata.leptos]\n') }))).to.include('built by cargo-leptos')
  })
})
