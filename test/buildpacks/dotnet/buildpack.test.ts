import { expect } from 'chai'
import { dotnetReason } from '../../../src/buildpacks/dotnet/failure.js'
import { complaintOf, planOf, type Files } from '../trees.js'

const project = (sdk = '.Web', more = '', framework = 'net8.0'): string =>
  `<Project Sdk="Microsoft.NET.Sdk${sdk}">\n  <PropertyGroup>\n    <TargetFramework>${framework}</TargetFramework>\n${more}  </PropertyGroup>\n</Project>\n`
const exe = '<OutputType>Exe</OutputType>\n'
const test = '<IsTestProject>true</IsTestProject>\n<OutputType>Exe</OutputType>\n'

describe('the .NET buildpack', () => {
  it('restores before the code is there, publishes, and serves', () => {
    const plan = planOf({ 'Shop.csproj': project(), 'nuget.config': '' })
    expect(plan).to.deep.include({
      buildpack: 'dotnet',
      version: '8.0',
      processTypes: { web: 'cd Shop && ASPNETCORE_URLS=http://0.0.0.0:$PORT exec dotnet Shop.dll' },
    })
    const steps = plan.dockerfile.split('\n').map((line) => line.replace(/--mount=\S+ /, ''))
    expect(steps.filter((line) => /^(?:FROM|COPY|RUN dotnet)/.test(line))).to.deep.equal([
      'FROM dotnet/sdk:8.0 AS build',
      'COPY ["Shop.csproj","./"]',
      'COPY ["nuget.config","./"]',
      'RUN dotnet restore Shop.csproj',
      'COPY . .',
      'RUN dotnet publish Shop.csproj --no-restore -c Release -o /out/Shop',
      'FROM dotnet/aspnet:8.0',
      'COPY --from=build --chown=app /out /app',
    ])
  })

  it('makes a process type of every program of a solution', () => {
    const files: Files = {
      'All.sln': '',
      'src/My Shop/My Shop.csproj': project(),
      'src/Worker/Worker.csproj': project('.Worker'),
      'src/Core/Core.csproj': project('', ''),
      'test/Shop.Tests/Shop.Tests.csproj': project('', test),
      'src/Core/packages.lock.json': '{}',
    }
    const { processTypes, dockerfile } = planOf(files)
    expect(processTypes).to.deep.equal({
      web: "cd 'My Shop' && ASPNETCORE_URLS=http://0.0.0.0:$PORT exec dotnet 'My Shop.dll'",
      worker: 'cd Worker && exec dotnet Worker.dll',
    })
    expect(dockerfile)
      .to.include('COPY ["src/My Shop/My Shop.csproj","src/My Shop/"]')
      .and.include(
        "dotnet restore 'src/My Shop/My Shop.csproj' --locked-mode && dotnet restore src/Worker/Worker.csproj",
      )
      .and.not.include('dotnet publish src/Core')
    const two = { ...files, 'src/Api/Api.csproj': project() }
    expect(complaintOf(two)).to.match(/several programs.*src\/Api\/Api\.csproj.*\nname it in a Procfile/)
    expect(planOf({ ...two, Procfile: 'web: cd Api && dotnet Api.dll\n' }).processTypes).to.have.keys('web')
    expect(complaintOf({ 'Core.csproj': project('') })).to.include('no project is a program')
  })

  it('takes the .NET that projects are for, and an SDK that is no older', () => {
    const images = (files: Files) => [...planOf(files).dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    expect(
      images({ 'a.csproj': project('', exe, 'net6.0'), 'global.json': '{"sdk":{"version":"9.0.100"}}' }),
    ).to.deep.equal(['dotnet/sdk:9.0', 'dotnet/runtime:6.0'])
    const shared = { 'Directory.Build.props': '<TargetFramework>net10.0</TargetFramework>' }
    expect(images({ 'a.fsproj': '<Project Sdk="Microsoft.NET.Sdk.Web"></Project>', ...shared })).to.deep.equal([
      'dotnet/sdk:10.0',
      'dotnet/aspnet:10.0',
    ])
    expect(planOf({ 'a.csproj': project('', `${exe}<AssemblyName>tick</AssemblyName>`) }).processTypes.web).to.equal(
      'cd tick && exec dotnet tick.dll',
    )
    expect(complaintOf({ 'a.csproj': '<Project Sdk="Microsoft.NET.Sdk.Web"/>' })).to.match(
      /^a\.csproj:1:1: it does not say which/,
    )
    expect(complaintOf({ 'a.csproj': project('', exe, 'net48') })).to.match(/^a\.csproj:1:1: .* only Windows runs/)
    expect(complaintOf({ 'a.csproj': project(), 'global.json': '{' })).to.match(/^global\.json:1:2: not JSON/)
  })

  it('reads why a build failed', () => {
    const told: Readonly<Record<string, string>> = {
      '/src/Program.cs(3,9): error CS1002: ; expected [/src/Shop.csproj]':
        'it does not compile: Program.cs:3:9: CS1002: ; expected',
      '/src/Shop.csproj : error NU1101: Unable to find package Foo. [/src/All.sln]':
        'a package cannot be had: Unable to find package Foo.',
      '/src/Shop.csproj : error NU1004: The packages lock file is inconsistent': 'packages.lock.json does not match',
      'A compatible .NET SDK was not found.': 'global.json asks for an SDK',
    }
    for (const [line, words] of Object.entries(told)) expect(dotnetReason([line]), line).to.include(words)
    expect(dotnetReason(['x'])).to.equal(null)
  })
})
