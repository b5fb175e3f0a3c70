import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { cutNetwork } from './cut.js'
import { patience } from './example.js'

describe('Rust apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('have a process for each program, and compile again what has changed alone', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-rust')
    const app = await createApp(berth, repo, 'rust')
    // dependencies are compiled in half the time
    expect((await berth.berth(['config:set', 'CARGO_PROFILE_RELEASE_OPT_LEVEL=0', '-a', app])).code).to.equal(0)
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr)
      .to.include('Rust app detected')
      .and.include('Compiling axum')
      .and.include('berth ps:scale tick=1')
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from Rust</h1>\n')
    expect((await berth.berth(['ps:scale', 'tick=1', '-a', app])).code).to.equal(0)

    const text = await readFile(join(repo.dir, 'src/main.rs'), 'utf8')
    await repo.commit({ 'src/main.rs': text.replace('"Hello"', '"Hi"') })
    await using cut = await cutNetwork(berth)
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(await cut.asked()).to.equal(0)
    expect(again.stderr.match(/Compiling \S+/g)).to.deep.equal(['Compiling hello-rust'])
    expect((await berth.curl(app)).body).to.equal('<h1>Hi from Rust</h1>\n')

    await repo.commit({ 'src/main.rs': text.replace('"Hello"', 'hello_there()') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(/! {5}it does not compile: src\/main\.rs:\d+:\d+: cannot find function `hello_there`/)

    // as it was, so that times alone cannot tell
    await repo.commit({ 'src/main.rs': text })
    const back = await repo.push()
    expect(back.code, back.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from Rust</h1>\n')

    const manifest = await readFile(join(repo.dir, 'Cargo.toml'), 'utf8')
    await repo.commit({ 'Cargo.toml': `${manifest}\nitoa = "1"\n` })
    const unlocked = await repo.push()
    expect(unlocked.code).to.equal(1)
    expect(unlocked.stderr).to.include('Cargo.lock does not match Cargo.toml')
  })

  it('are told which versions there are of one that cannot be had', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      'Cargo.toml': '[package]\nname = "x"\nversion = "0.1.0"\n',
      'rust-toolchain': '1.999\n',
      'src/main.rs': 'fn main() {}\n',
    })
    await createApp(berth, repo, 'newer')
    const { code, stderr } = await repo.push()
    expect(code).to.equal(1)
    expect(stderr).to.match(/Debian has no Rust 1\.999; it has 1\.\d+\.\d+, 1\.\d+/)
  })
})
