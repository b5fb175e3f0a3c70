import { expect } from 'chai'
import { elixirReason } from '../../../src/buildpacks/elixir/failure.js'
import { complaintOf, planOf, type Files } from '../trees.js'

const mix = (project = 'app: :shop', more = ''): string =>
  `defmodule Shop.MixProject do\n  def project do\n    [${project}]\n  end\n${more}end\n`
const app = (files: Files = {}): Files => ({ 'mix.exs': mix(), ...files })
const version = (project: string, files: Files = {}): string =>
  planOf(app({ 'mix.exs': mix(project), ...files })).version

describe('the Elixir buildpack', () => {
  it('makes a release and runs it', () => {
    const { dockerfile, ...plan } = planOf(app())
    expect(plan).to.deep.include({ buildpack: 'elixir', found: 'Elixir app', processTypes: { web: 'bin/shop start' } })
    expect(dockerfile)
      .to.match(/^FROM elixir:1\.14-slim AS build$/m)
      .and.match(/^FROM elixir:1\.14-slim$/m)
      .and.include('mix release --overwrite --path /out')
      .and.include('COPY --from=build --chown=app:app /out /app')
      .and.include('CMD ["/bin/sh","-c","exec bin/shop start"]')
      .and.not.include('mix local.hex')
  })

  it('fetches and compiles dependencies before the code is there', () => {
    const steps = (files: Files): string[] =>
      planOf(app({ 'config/config.exs': '', ...files }))
        .dockerfile.split('\n\n')[0]
        ?.split('\n')
        .slice(3) ?? []
    expect(steps({ 'mix.lock': '%{}' })).to.deep.equal([
      'RUN mix local.hex --force && mix local.rebar --force',
      'COPY mix.exs ./mix.exs',
      'COPY mix.lock ./mix.lock',
      'COPY config ./config',
      'RUN --mount=type=cache,target=/root/.cache mix deps.get --only prod --check-locked',
      'RUN mix deps.compile',
      'COPY . .',
      'RUN mkdir -p /opt/mix && mix compile && mix release --overwrite --path /out',
    ])
    const unlocked = { 'mix.exs': mix('app: :shop', 'defp deps, do: [{:plug_cowboy, "~> 2.6"}]\n') }
    expect(steps(unlocked)).to.include('RUN --mount=type=cache,target=/root/.cache mix deps.get --only prod')
    expect(planOf(unlocked).notes[0]).to.include('no mix.lock')
    const near = { 'mix.exs': mix('app: :shop', 'defp deps, do: [{:core, path: "../core"}]\n') }
    expect(steps(near).join('\n')).not.to.include('deps.get')
    const vendored = { 'mix.lock': '%{}', 'deps/plug/mix.exs': '' }
    expect(steps(vendored)).to.include.members(['COPY deps ./deps', 'RUN mix deps.compile --no-deps-check'])
    expect(steps(vendored).join('\n')).not.to.include('local.hex')
    expect(planOf(app({ 'mix.lock': '%{}' })).dockerignore.split('\n')).to.include('deps')
    expect(planOf(app(vendored)).dockerignore.split('\n')).not.to.include('deps')
  })

  it('runs Phoenix as its own scripts do', () => {
    const phoenix = { 'mix.exs': mix('app: :shop', 'defp deps, do: [{:phoenix, "~> 1.7"}]\n"assets.deploy": []\n') }
    const plan = planOf({ ...phoenix, 'rel/overlays/bin/server': '' })
    expect(plan).to.deep.include({ found: 'Elixir app (Phoenix)', processTypes: { web: 'bin/server' } })
    expect(plan.dockerfile).to.include(' PHX_SERVER=true').and.include('RUN mix assets.deploy && ')
    expect(plan.notes[0]).to.include('SECRET_KEY_BASE')
  })

  it('has mix in the image where a Procfile runs it', () => {
    const { dockerfile } = planOf(app({ Procfile: 'web: mix phx.server\nrelease: mix ecto.migrate\n' }))
    expect(dockerfile)
      .to.include('COPY --from=build /opt/mix /opt/mix\nCOPY --from=build --chown=app:app /app /app')
      .and.not.include('mix release')
  })

  it('releases what an umbrella says', () => {
    const files = { 'apps/web/mix.exs': 'x', 'apps/core/mix.exs': '{:phoenix, "~> 1.7"}', 'apps/no/x': '' }
    const plan = planOf({ 'mix.exs': mix('apps_path: "apps", releases: [all: [applications: []]]'), ...files })
    expect(plan).to.deep.include({ found: 'Elixir app (Phoenix)', processTypes: { web: 'bin/all start' } })
    expect(plan.dockerfile).to.include('mix release all --overwrite')
    expect(plan.dockerfile).to.include(
      'COPY apps/core/mix.exs ./apps/core/mix.exs\nCOPY apps/web/mix.exs ./apps/web/mix.exs',
    )
    expect(complaintOf({ 'mix.exs': mix('apps_path: "apps"'), ...files })).to.match(/^mix\.exs:1:1: it is an umbrella/)
    expect(complaintOf({ 'mix.exs': mix('app: @name') })).to.match(/^mix\.exs:1:1: its project has no name/)
  })

  it('takes the version that is pinned, else what mix.exs allows, Debian first', () => {
    expect(version('app: :a, elixir: "~> 1.11"')).to.equal('1.14')
    expect(version('app: :a, elixir: ">= 1.14.0"')).to.equal('1.14')
    expect(version('app: :a, elixir: "~> 1.15"')).to.equal('1.18')
    expect(version('app: :a, elixir: "~> 1.16.2"')).to.equal('1.16')
    expect(version('app: :a', { '.tool-versions': 'erlang 26.2.1\nelixir 1.16.3\n' })).to.equal('1.16-otp-26')
    expect(version('app: :a', { '.tool-versions': 'elixir 1.17.3-otp-27\n' })).to.equal('1.17-otp-27')
    expect(version('app: :a', { 'elixir_buildpack.config': 'elixir_version=1.15.7\n' })).to.equal('1.15')
    expect(version('app: :a', { '.elixir-version': '1.14.5\n' })).to.equal('1.14')
    expect(complaintOf(app({ '.elixir-version': 'main' }))).to.include('"main" is no version of Elixir')
  })

  it('reads why a build failed', () => {
    const told: Readonly<Record<string, string>> = {
      '** (Mix) httpc request failed with: {:failed_connect, []}. Could not install Hex':
        'Hex package server cannot be reached',
      '** (Mix) Your mix.lock is out of date and must be updated without the --check-locked flag':
        'mix.lock does not match',
      'environment variable DATABASE_URL is missing.': 'berth config:set DATABASE_URL=',
      '** (CompileError) lib/shop.ex:3: undefined function x/0':
        'it does not compile: lib/shop.ex:3: undefined function x/0',
      'error: undefined variable "x"\n│\n└─ lib/shop.ex:3:5: Shop.run/0':
        'it does not compile: lib/shop.ex:3:5: undefined variable "x"',
    }
    for (const [text, words] of Object.entries(told)) expect(elixirReason(text.split('\n')), text).to.include(words)
    expect(elixirReason(['x'])).to.equal(null)
  })
})
