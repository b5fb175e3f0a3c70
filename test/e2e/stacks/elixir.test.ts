import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

describe('Elixir and .NET apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('run as a release, and are told where they do not compile', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-elixir')
    const app = await createApp(berth, repo, 'elixir')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('<h1>Hello from Elixir</h1>\n')
    const text = await readFile(join(repo.dir, 'lib/hello/server.ex'), 'utf8')
    await repo.commit({ 'lib/hello/server.ex': text.replace('"Hello"', '"Hi"') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect((await berth.curl(app)).body).to.equal('<h1>Hi from Elixir</h1>\n')
    await repo.commit({ 'lib/hello/server.ex': text.replace('"Hello"', 'hello_there()') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(
      /! {5}it does not compile: lib\/hello\/server\.ex:\d+: undefined function hello_there/,
    )
  })

  it('are told which toolchain cannot be had', async function () {
    this.timeout(patience)
    const project = '<Project Sdk="Microsoft.NET.Sdk.Web"><TargetFramework>net8.0</TargetFramework></Project>\n'
    const repo = await berth.repository({ 'Shop.csproj': project })
    await createApp(berth, repo, 'dotnet')
    const { code, stderr } = await repo.push()
    expect(code).to.equal(1)
    expect(stderr).to.include('.NET 8.0 is not to be had')
  })
})
