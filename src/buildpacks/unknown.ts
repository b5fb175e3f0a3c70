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

/** Files that tell what an app is written in, where the file that says how it is built is missing; and what to do. */
const unfinished: readonly (readonly [file: RegExp, is: string, way: string])[] = [
  [
    /^(?:server|index|app|main)\.[cm]?js$/,
    'a program for Node.js, and there is no package.json',
    'run `npm init -y`, and commit package.json',
  ],
  [
    /^(?:server|index|app|main)\.[cm]?tsx?$|^tsconfig\.json$/,
    'TypeScript, and nothing says what runs it',
    'commit a deno.json (`{}` will do) for Deno, or a package.json for Node.js or Bun (bun init)',
  ],
  [/^config\.ru$/, 'a Rack app, and there is no Gemfile', 'run `bundle init`, add rack and puma, and commit Gemfile'],
  [
    /\.(?:java|kt)$/,
    'a program for the JVM, and there is no pom.xml or build.gradle',
    'write a pom.xml, or commit the .jar that you have built',
  ],
  [
    /^(?:hugo\.(?:toml|yaml)|mkdocs\.ya?ml|_config\.yml|book\.toml)$/,
    'the configuration of a generator of sites, which Berth does not run',
    'build the site and commit its folder, then `berth builds:set dir=FOLDER`; or write a Dockerfile that builds it',
  ],
]

/** What an app lacks that Berth would know by a file of it: what was seen, and what to do; null where nothing tells. */
export function unfinishedApp(tree: Tree): { readonly seen: string; readonly way: string } | null {
  for (const folder of ['.', 'src']) {
    const place = folder === '.' ? '' : `${folder}/`
    const files = tree.names(folder).filter((name) => tree.hasFile(`${place}${name}`))
    for (const [pattern, is, way] of unfinished) {
      const file = files.find((one) => pattern.test(one))
      if (file !== undefined) return { seen: `${place}${file} is ${is}`, way }
    }
  }
  return null
}
