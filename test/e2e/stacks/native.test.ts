import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

describe('C++ and shell apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('are built by CMake, and compile again what has changed alone', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-cpp')
    const app = await createApp(berth, repo, 'cpp')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('C/C++ app (CMake) detected').and.include('Compiled 2 files; 0 were in the cache')
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from C++</h1>\n')
    const text = await readFile(join(repo.dir, 'src/page.cpp'), 'utf8')
    await repo.commit({ 'src/page.cpp': text.replace('"Hello"', '"Hi"') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr).to.include('Compiled 1 files; 1 were in the cache').and.not.include('Unpacking')
    expect((await berth.curl(app)).body).to.equal('<h1>Hi from C++</h1>\n')
    await repo.commit({ 'src/page.cpp': text.replace('"Hello"', 'hello()') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(/! {5}it does not compile: src\/page\.cpp:\d+:\d+: .*hello/)
  })

  it('are built by make: the program that appears is the web process', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      Makefile: 'hi: hi.c\n\t$(CC) -o $@ $<\n',
      'hi.c': '#include <stdio.h>\nint main(void) { puts("made"); return 0; }\n',
      Procfile: 'release: web\n',
    })
    await createApp(berth, repo, 'made')
    const { stderr } = await repo.push()
    expect(stderr)
      .to.include('C/C++ app (make) detected')
      .and.match(/^remote: +made *$/m)
  })

  it('run by the shell that start.sh names, with the commands that it calls', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-shell')
    const app = await createApp(berth, repo, 'shell')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from Bash</h1>\n')
    const text = await readFile(join(repo.dir, 'answer.sh'), 'utf8')
    await repo.commit({ 'answer.sh': text.replace('Hello', 'Hi') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr).not.to.include('Unpacking')
    expect((await berth.curl(app)).body).to.equal('<h1>Hi from Bash</h1>\n')
    await repo.commit({ 'start.sh': '#!/bin/bash\r\nexec socat\r\n' })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.include('start.sh:1:1: its lines end with CR LF')
  })
})
