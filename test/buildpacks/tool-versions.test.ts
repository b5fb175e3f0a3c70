import { expect } from 'chai'
import { toolPins } from '../../src/buildpacks/tool-versions.js'
import { directoryTree } from '../../src/buildpacks/tree.js'
import { complaintOf, planOf, withTree, type Files } from './trees.js'

const pinOf = (files: Files, ...names: string[]): string | undefined =>
  withTree(files, (directory) => toolPins(directoryTree(directory), ...names))
    .find(([, text]) => text !== undefined)
    ?.join(' ')

describe('versions pinned by asdf and mise', () => {
  it('reads the line or the entry of a tool, by any of its names', () => {
    expect(pinOf({ '.tool-versions': '# x\nnodejs 20\n golang 1.25.1 1.24\n' }, 'go', 'golang')).to.equal(
      '.tool-versions 1.25.1',
    )
    for (const value of ['"3.13"', '["3.13", "3.12"]', '{ version = "3.13", virtualenv = ".venv" }'])
      expect(pinOf({ 'mise.toml': `[tools]\nnode = "24"\npython = ${value}\n` }, 'python')).to.equal('mise.toml 3.13')
    expect(pinOf({ '.mise.toml': '[tools]\ngo = "prefix:1.25"\n' }, 'go')).to.equal('.mise.toml 1.25')
    expect(
      pinOf({ '.tool-versions': 'python latest:3.11\n', 'mise.toml': '[tools]\npython="3.9"' }, 'python'),
    ).to.equal('.tool-versions 3.11')
  })

  it('takes what is no pin for none', () => {
    for (const version of ['latest', 'system', 'lts', 'ref:v1.2', 'path:/opt/x', 'sub-1:3.14', ''])
      expect(pinOf({ '.tool-versions': `python ${version}\n` }, 'python'), version).to.equal(undefined)
    for (const text of [
      '[tools]\npython = 3\n',
      '[env]\npython = "3.13"\n',
      'tools = "x"\n',
      '[tools]\npythonx = "3"\n',
    ])
      expect(pinOf({ 'mise.toml': text }, 'python'), text).to.equal(undefined)
    expect(pinOf({ '.tool-versions': 'pythonx 3\nxpython 3\n' }, 'python')).to.equal(undefined)
  })

  it('chooses the version of every language, and is named where it cannot be had', () => {
    const toml = (tool: string, version: string): Files => ({ 'mise.toml': `[tools]\n${tool} = "${version}"\n` })
    const image = (files: Files): string => /^FROM (\S+)/m.exec(planOf(files).dockerfile)?.[1] ?? ''
    const go = { 'go.mod': 'module x\n', 'main.go': 'package main\nfunc main() {}\n' }
    const rust = { 'Cargo.toml': '[package]\nname = "x"\nversion = "1.0.0"\n', 'src/main.rs': 'fn main() {}\n' }
    const python = { 'main.py': '' }
    const ruby = { Gemfile: "gem 'rack'\n", 'config.ru': '' }
    const maven = { 'pom.xml': '<project><artifactId>x</artifactId></project>', Procfile: 'web: java -jar x\n' }
    const mix = { 'mix.exs': 'app: :a' }
    expect(image({ ...go, ...toml('go', '1.25') })).to.equal('golang:1.25-bookworm')
    expect(image({ ...go, '.tool-versions': 'golang 1.25.1\n' })).to.equal('golang:1.25.1-bookworm')
    expect(image({ ...rust, ...toml('rust', '1.90') })).to.equal('rust:1.90-slim-bookworm')
    expect(image({ ...rust, '.tool-versions': 'rust 1.90.0\n' })).to.equal('rust:1.90.0-slim-bookworm')
    expect(image({ ...python, ...toml('python', '3.13') })).to.equal('python:3.13-slim-trixie')
    expect(image({ ...python, '.tool-versions': 'python 3.13.2\n' })).to.equal('python:3.13-slim-trixie')
    expect(image({ ...python, '.python-version': '3.9', ...toml('python', '3.13') })).to.equal(
      'python:3.9-slim-bullseye',
    )
    expect(image({ ...ruby, ...toml('ruby', '3.4.1') })).to.include('ruby:3.4')
    expect(image({ ...maven, ...toml('java', 'temurin-21.0.2') })).to.include('temurin-21')
    expect(image({ 'index.php': '', ...toml('php', '8.4') })).to.equal('debian:trixie-slim')
    expect(image({ ...mix, ...toml('elixir', '1.17') })).to.equal('elixir:1.17-slim')
    expect(image({ ...mix, 'mise.toml': '[tools]\nelixir = "1.17"\nerlang = "27.1"\n' })).to.equal(
      'elixir:1.17-otp-27-slim',
    )
    expect(planOf({ 'deno.json': '{}', 'main.ts': '', ...toml('deno', '2.2.0') }).version).to.equal('2.2.0')
    expect(complaintOf({ ...python, '.tool-versions': 'python 2.7.18\n' })).to.include(
      '.tool-versions asks for "2.7.18"',
    )
    expect(complaintOf({ ...go, ...toml('go', 'x') })).to.include('mise.toml: "x" is no version of Go')
    expect(complaintOf({ 'index.php': '', ...toml('php', '7.4') })).to.include('mise.toml asks for PHP 7.4')
  })
})
