import type { Buildpack } from './buildpack.js'

/** First come, first taken: an app's own Dockerfile wins over what we would make of it. A buildpack is a line here. */
export const buildpacks: readonly Buildpack[] = [
  (await import('./dockerfile/buildpack.js')).dockerfile,
  (await import('./go/buildpack.js')).golang,
  // it leaves a tree to others where the Gemfile is there for tools
  (await import('./ruby/buildpack.js')).ruby,
  (await import('./php/buildpack.js')).php,
  (await import('./java/buildpack.js')).java,
  // it leaves a tree to Python or to Node.js where Rust is a library of theirs
  (await import('./rust/buildpack.js')).rust,
  (await import('./elixir/buildpack.js')).elixir,
  (await import('./dotnet/buildpack.js')).dotnet,
  // it leaves a tree to Node.js where that is what starts the app
  (await import('./python/buildpack.js')).python,
  (await import('./deno/buildpack.js')).deno,
  // what they leave to Node.js is what Node.js runs
  (await import('./bun/buildpack.js')).bun,
  (await import('./node/buildpack.js')).nodejs,
  // many trees of other languages have a Makefile, or a start.sh
  (await import('./cpp/buildpack.js')).cpp,
  (await import('./static/buildpack.js')).staticSite,
  (await import('./shell/buildpack.js')).shell,
  // any stack takes an Aptfile: this is where there is none
  (await import('./apt/buildpack.js')).apt,
]

/** The buildpack that a plan names. */
export const buildpackOf = (name: string): Buildpack | undefined => buildpacks.find((one) => one.name === name)
