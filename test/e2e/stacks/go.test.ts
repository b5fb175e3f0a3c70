import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { cutNetwork } from './cut.js'
import { patience } from './example.js'

describe('Go apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('have a process for each command, and compile again what has changed alone', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-go')
    const app = await createApp(berth, repo, 'go')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Go app detected').and.include('berth ps:scale tick=1')
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from Go</h1>\n')
    expect((await berth.berth(['run', 'date +%Z; TZ=Europe/Lisbon date +%Z', '-a', app])).stdout).to.match(
      /UTC\s+WES?T/,
    )
    expect((await berth.berth(['ps:scale', 'tick=1', '-a', app])).code).to.equal(0)
    const text = await readFile(join(repo.dir, 'cmd/web/main.go'), 'utf8')
    await repo.commit({ 'cmd/web/main.go': text.replace('"Hello"', '"Hi"') })
    await using cut = await cutNetwork(berth)
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr.match(/Running in/g)).to.have.length(1)
    expect(await cut.asked()).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('<h1>Hi from Go</h1>\n')
    await repo.commit({ 'cmd/web/main.go': text.replace('log.Fatal(http', 'log.Fatal(htp') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(/! {5}it does not compile: cmd\/web\/main\.go:\d+:\d+: undefined: htp/)
  })

  it('are told which versions there are of one that the proxy lacks', async function () {
    this.timeout(patience)
    const program = 'package main\n\nfunc main() {}\n'
    const repo = await berth.repository({
      'go.mod': 'module x\n\ngo 1.22\n',
      '.go-version': '1.22.99',
      'main.go': program,
    })
    await createApp(berth, repo, 'lacking')
    const { code, stderr } = await repo.push()
    expect(code).to.equal(1)
    expect(stderr).to.match(/the module proxy has no Go 1\.22\.99; it has 1\.22\.0 /)
  })
})
