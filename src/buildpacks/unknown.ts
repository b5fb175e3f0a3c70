import type { Tree } from './tree.js'

/** Languages that no buildpack here is for: by a file at the top, or by how the names of files end. */
const languages: readonly (readonly [name: string, file: RegExp])[] = [
  ['Clojure', /^(?:project\.clj|deps\.edn|build\.boot)$/],
  ['Gleam', /^gleam\.toml$/],
  ['Zig', /^build\.zig$/],
  ['Haskell', /^(?:stack\.yaml|cabal\.project|[\w-]+\.cabal)$/],
  ['Swift', /^Package\.swift$/],
  ['Dart', /^pubspec\.yaml$/],
  ['Crystal', /^shard\.yml$/],
  ['Perl', /^(?:cpanfile|Makefile\.PL|Build\.PL|app\.psgi)$/],
  ['R', /^(?:renv\.lock|plumber\.R|app\.R|server\.R|init\.R)$/],
  ['Julia', /^(?:Project|Manifest)\.toml$/],
  ['Erlang', /^rebar\.config$/],
  ['OCaml', /^(?:dune-project|[\w-]+\.opam)$/],
  ['Nim', /\.nimble$/],
  ['D', /^dub\.(?:json|sdl)$/],
  ['V', /^v\.mod$/],
  ['Lua', /^(?:main\.lua|[\w.-]+\.rockspec)$/],
  ['Racket', /\.rkt$/],
  ['Scheme', /\.scm$/],
  ['Common Lisp', /\.asd$/],
  ['COBOL', /\.(?:cbl|cob)$/],
]

/** What a tree is written in that no buildpack takes, and the file that says so. */
export interface UnknownLanguage {
  readonly name: string
  readonly file: string
}

/** The language of a tree that nothing here builds; null where none is recognised. */
export function unknownLanguage(tree: Tree): UnknownLanguage | null {
  const files = tree.names().filter((name) => tree.hasFile(name))
  for (const [name, pattern] of languages) {
    const file = files.find((one) => pattern.test(one))
    if (file !== undefined) return { name, file }
  }
  return null
}
