import { expect } from 'chai'
import { goReason } from '../../../src/buildpacks/go/failure.js'
import type { Plan } from '../../../src/buildpacks/buildpack.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const main = 'package main\n\nfunc main() {}\n'
const server = 'package main\n\nimport "net/http"\n\nfunc main() {\n\thttp.ListenAndServe(":80", nil)\n}\n'
const mod = (more = '', go = '1.22.3'): string => `module example.org/shop/v2\n\ngo ${go}\n${more}`
const types = (files: Files) => planOf({ 'go.mod': mod(), ...files }).processTypes
const version = (files: Files): string => planOf({ 'main.go': main, ...files }).version

describe('the Go buildpack', () => {
  it('builds a program into an image that has it, certificates and time zones', () => {
    const { dockerfile, ...plan } = planOf({ 'go.mod': mod('require a.b/c v1.0.0'), 'go.sum': 'x', 'main.go': server })
    expect(plan).to.deep.include({ buildpack: 'go', version: '1.22', processTypes: { web: 'shop' } })
    expect(plan.notes).to.deep.equal(['main.go names port 80 and looks up no PORT: PORT is 80'])
    const steps = dockerfile.split('\n').filter((line) => /^(?:FROM|COPY|USER|CMD|ENV C)|go (?:mod|build)/.test(line))
    expect(steps.map((line) => line.replace(/--mount=\S+ |-ldflags ".*?" /g, ''))).to.deep.equal([
      'FROM golang:1.22-bookworm AS build',
      'ENV CGO_ENABLED=0 GOTOOLCHAIN=local',
      'COPY go.mod go.sum ./',
      'RUN go mod download',
      'COPY . .',
      ' && go build -trimpath -buildvcs=false -o /out/bin/shop . \\',
      'FROM debian:bookworm-slim',
      'COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
      'COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo',
      'COPY --from=build --chown=app:app /out /app',
      'USER app',
      'CMD ["/bin/sh","-c","exec shop"]',
    ])
  })

  it('makes a process type of every program', () => {
    expect(types({ 'cmd/web/main.go': main, 'cmd/migrate/main.go': main })).to.deep.equal({
      web: 'web',
      migrate: 'migrate',
    })
    expect(types({ 'main.go': main, 'cmd/admin/x.go': main })).to.deep.equal({ web: 'shop', admin: 'admin' })
    expect(types({ 'cmd/one/main.go': server, 'cmd/two/main.go': main })).to.deep.equal({ web: 'one', two: 'two' })
    expect(types({ 'cmd/one/main.go': main })).to.deep.equal({ web: 'one' })
    expect(types({ 'cmd/web/main.go': main, Procfile: 'web: web --port $PORT' })).to.deep.equal({
      web: 'web --port $PORT',
    })
    const skipped = {
      'main_test.go': main,
      'testdata/x/main.go': main,
      'examples/y/main.go': main,
      'gen.go': `//go:build ignore\n\n${main}`,
    }
    expect(types({ ...skipped, 'cmd/web/main.go': main })).to.deep.equal({ web: 'web' })
    expect(
      types({
        'go.mod': mod('// +heroku install ./cmd/... ./special'),
        'cmd/a/main.go': main,
        'special/x.go': server,
        'z/z.go': main,
      }),
    ).to.deep.equal({ web: 'special', a: 'a' })
    expect(complaintOf({ 'go.mod': mod(), 'cmd/a/m.go': server, 'cmd/b/m.go': server })).to.match(
      /several programs.*: cmd\/a, cmd\/b\nname it in a Procfile/,
    )
    expect(complaintOf({ 'go.mod': mod(), 'lib.go': 'package lib\n' })).to.match(
      /^no package of this module is a program/,
    )
  })

  it('takes the newest patch of the line of go.mod, and exactly what is pinned', () => {
    expect(version({ 'go.mod': mod('', '1.21') })).to.equal('1.21')
    expect(version({ 'go.mod': mod('toolchain go1.24.1', '1.22') })).to.equal('1.24')
    expect(version({ 'go.mod': mod('// +heroku goVersion go1.23.4') })).to.equal('1.23.4')
    expect(version({ 'go.mod': mod(), '.go-version': '1.25.1\n' })).to.equal('1.25.1')
    expect(version({ 'go.mod': 'module x\n' })).to.equal('1.27')
    const old = planOf({ 'go.mod': mod('', '1.13'), 'main.go': main })
    expect(old.version).to.equal('1.20')
    expect(old.notes[0]).to.include('go.mod asks for Go 1.13')
    expect(complaintOf({ 'go.mod': mod(), 'main.go': main, '.go-version': 'latest' })).to.include(
      '.go-version: "latest" is no version of Go',
    )
  })

  it('fetches modules of every shape before the code is there', () => {
    const steps = (files: Files): string => planOf({ 'main.go': main, ...files }).dockerfile
    const required = mod(
      'require (\n\ta.b/c v1.0.0 // indirect\n\tgithub.com/mattn/go-sqlite3 v1\n)\nreplace a.b/c => ./lib/c\n',
    )
    const local = steps({ 'go.mod': required, 'go.sum': '', 'lib/c/go.mod': 'module c' })
    expect(local)
      .to.include('COPY go.mod go.sum ./\nCOPY lib/c/go.mod ./lib/c/go.mod\nRUN ')
      .and.include('ENV CGO_ENABLED=1')
    for (const text of ['// int f();\nimport "C"\n', 'import (\n\t"C"\n\t"fmt"\n)\n'])
      expect(steps({ 'go.mod': mod(), 'internal/x/x.go': `package x\n${text}` })).to.include('ENV CGO_ENABLED=1')
    expect(steps({ 'go.mod': required, 'vendor/modules.txt': '' })).not.to.include('go mod download')
    expect(steps({ 'go.mod': mod() })).not.to.include('go mod download')
    const workspace = steps({
      'go.work': 'go 1.22\nuse (\n\t./a\n\t./b // two\n)\n',
      'a/go.mod': 'module a',
      'b/go.mod': 'module b',
    })
    expect(workspace).to.include('COPY go.work ./\nCOPY a/go.mod ./a/go.mod\nCOPY b/go.mod ./b/go.mod\n')
    expect(steps({})).to.include('go mod init app && go mod tidy')
  })

  it('follows go.work: its version, and what its modules link', () => {
    const api = 'module example.com/api\ngo 1.21\n'
    const work = (lines: string, more = ''): Plan =>
      planOf({ 'go.work': `${lines}\nuse (\n\t./api\n\t"./lib"\n)\n`, 'api/go.mod': api + more, 'api/main.go': main })
    expect(work('go 1.24.1').version).to.equal('1.24')
    expect(work('go 1.24.1\n\ntoolchain go1.25.2').version).to.equal('1.25')
    expect(work('').version).to.equal('1.27')
    expect(work('go 1.24').dockerfile).to.include('CGO_ENABLED=0')
    expect(work('go 1.24', 'require github.com/mattn/go-sqlite3 v1.14.22\n').dockerfile).to.include('CGO_ENABLED=1')
  })

  it('finds what a module of a workspace has in place of another, from where that lies', () => {
    const files = { 'go.work': 'go 1.24\nuse ./api\n', 'api/main.go': main, 'lib/go.mod': 'module lib\n' }
    const api = (target: string): string => `module api\nrequire lib v0.0.0\nreplace lib => ${target}\n`
    expect(planOf({ ...files, 'api/go.mod': api('../lib') }).dockerfile).to.include('COPY lib/go.mod ./lib/go.mod\n')
    expect(complaintOf({ ...files, 'api/go.mod': api('../../lib') })).to.include(
      'api/go.mod:3:16: ../../lib is outside of what is pushed',
    )
  })

  it('builds a tree from before modules as the module that it names', () => {
    const old = planOf({ '.godir': 'example.org/shop\n', 'web.go': server, Procfile: 'web: shop' })
    expect(old.dockerfile).to.include('go mod init example.org/shop && go mod tidy').and.not.include('GO111MODULE')
    expect(old.dockerfile).to.include('-o /out/bin/shop .')
    expect(old.notes[0]).to.match(/^\.godir is from before modules.*newest.*`go mod init example\.org\/shop`/)
    const dep = planOf({ 'Gopkg.lock': '', 'Gopkg.toml': 'root-package = "a.b/c"\n', 'm.go': main })
    expect(dep.processTypes).to.deep.equal({ web: 'c' })
    expect(planOf({ 'glide.yaml': 'import:\n- package: x\n', 'm.go': main }).dockerfile).to.include('go mod init app')
  })

  it('calls a program without a module as the Procfile does', () => {
    const built = (line: string): string | undefined =>
      /-o \/out\/bin\/(\S+) \./.exec(planOf({ 'web.go': server, Procfile: `web: ${line}\n` }).dockerfile)?.[1]
    for (const [line, name] of [
      ['web', 'web'],
      ['bin/server -v', 'server'],
      ['./shop', 'shop'],
      ['sh -c app', 'app'],
      ['PORT=80 app', 'app'],
    ] as const)
      expect(built(line), line).to.equal(name)
  })

  it('builds one that has what it imports in a GOPATH', () => {
    const lines = (files: Files): string[] =>
      planOf({ 'cmd/web/main.go': server, ...files })
        .dockerfile.split('\n')
        .filter((line) => /^(?:ENV C|WORKDIR)|go (?:mod|build)/.test(line))
        .map((line) => line.replace(/-ldflags ".*?" /g, ''))
    const built = (paths: string): string[] => [
      `ENV CGO_ENABLED=0 GOTOOLCHAIN=local GO111MODULE=off GOPATH=${paths}`,
      'WORKDIR /go/src/a.b/c',
      ' && go build -trimpath -buildvcs=false -o /out/bin/ ./cmd/web \\',
      'WORKDIR /app',
    ]
    const godeps = { 'Godeps/Godeps.json': '{"ImportPath": "a.b/c"}' }
    expect(lines({ ...godeps, 'vendor/x.y/z/z.go': 'package z' })).to.deep.equal(built('/go'))
    expect(lines({ ...godeps, 'Godeps/_workspace/src/x.y/z/z.go': '' })).to.deep.equal(
      built('/go/src/a.b/c/Godeps/_workspace:/go'),
    )
    expect(lines({ 'vendor/vendor.json': '{"rootPath": "a.b/c"}', 'vendor/x.y/z.go': '' })).to.deep.equal(built('/go'))
    expect(lines({ ...godeps, 'go.mod': mod() })).not.to.include(built('/go')[0])
    for (const path of ['../x', 'a:b', 'a/../b', '$(id)', '-x/../..'])
      expect(complaintOf({ '.godir': '\n', 'glide.yaml': `package: "${path}"\n`, 'm.go': main })).to.match(
        /^glide\.yaml:1:1: ".*" is no import path\nwrite one such as/,
      )
  })

  it('refuses what no Go of today builds, and says what to do', () => {
    expect(complaintOf({ 'go.mod': 'go 1.22\n', 'main.go': main })).to.match(/^go\.mod:1:1: it names no module/)
    expect(complaintOf({ 'go.mod': mod('replace a.b/c => ../c'), 'main.go': main })).to.match(
      /^go\.mod:4:18: \.\.\/c is outside of what is pushed/,
    )
    expect(complaintOf({ 'go.mod': mod('require a.b/c v1.0.0'), 'main.go': main })).to.match(
      /there is no go\.sum\nrun `go mod tidy`/,
    )
  })

  it('comes before Node.js, and leaves to others what is theirs', () => {
    const both = { 'go.mod': mod(), 'main.go': main, 'package.json': pkg({ scripts: { start: 'node x' } }) }
    expect(planOf(both).buildpack).to.equal('go')
    expect(planOf({ ...both, Procfile: 'web: node x' }).buildpack).to.equal('nodejs')
    expect(planOf({ 'index.html': '', 'lib.go': 'package lib\n' }).buildpack).to.equal('static')
  })
})

describe('why a Go build failed', () => {
  for (const [line, reason] of [
    ['./main.go:5:2: undefined: nothing', 'it does not compile: ./main.go:5:2: undefined: nothing'],
    ['main.go:6:2: no required module provides package a.b/c; to add it:', 'run `go get a.b/c`'],
    ['main.go:6:2: missing go.sum entry for module providing package a.b/c; to add:', 'run `go mod tidy`'],
    ['go: inconsistent vendoring in /app:', 'go mod vendor'],
    ['go: go.mod requires go >= 1.30.1 (running go 1.30.0; GOTOOLCHAIN=local)', 'go.mod requires Go 1.30.1'],
    ['go: a.b/c@v1.0.0: reading http://proxy/a.b/c/@v/v1.0.0.mod: 404 Not Found', 'a.b/c@v1.0.0 cannot be had'],
  ] as const)
    it(`is told of ${line.slice(0, 60)}`, () => expect(goReason(['x', line])).to.include(reason))

  it('is not told of what it does not know', () => expect(goReason(['all is well'])).to.equal(null))
})
