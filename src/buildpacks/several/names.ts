import { SourceError } from '../source-error.js'
import type { Tree } from '../tree.js'
import type { Listed } from './list.js'

/** What a listed buildpack is to Berth. */
export type Named =
  /** One of its own, by the name that one of these has. */
  | { readonly kind: 'own'; readonly names: readonly string[]; readonly listed: Listed }
  /** Nothing to be run: what it does is done anyway. */
  | { readonly kind: 'done' }
  /** A folder of the tree that is a buildpack of Heroku's kind. */
  | { readonly kind: 'folder'; readonly path: string; readonly listed: Listed }
  /** A repository that is one. */
  | { readonly kind: 'repository'; readonly url: string; readonly ref: string | null; readonly listed: Listed }

/** The languages of the buildpacks of Heroku and others, and the buildpacks that Berth has in their stead. */
const ours: Readonly<Record<string, readonly string[]>> = {
  nodejs: ['nodejs'],
  'nodejs-engine': ['nodejs'],
  'nodejs-corepack': ['nodejs'],
  'nodejs-npm-engine': ['nodejs'],
  'nodejs-npm-install': ['nodejs'],
  'nodejs-yarn': ['nodejs'],
  'nodejs-pnpm-install': ['nodejs'],
  python: ['python'],
  go: ['go'],
  ruby: ['ruby'],
  rust: ['rust'],
  java: ['java', 'jvm', 'maven'],
  jvm: ['java', 'jvm', 'maven'],
  maven: ['java', 'jvm', 'maven'],
  gradle: ['java', 'jvm', 'gradle'],
  kotlin: ['java', 'jvm', 'gradle'],
  scala: ['scala', 'java', 'jvm'],
  php: ['php'],
  elixir: ['elixir'],
  dotnet: ['dotnet'],
  'dotnet-core': ['dotnet'],
  static: ['static'],
  nginx: ['static'],
  'web-servers': ['static'],
  deno: ['deno'],
  bun: ['bun'],
}
/** An Aptfile counts with any stack, and so does a Procfile. */
const done = new Set(['apt', 'deb-packages', 'procfile', 'metrics', 'multi', 'null'])
const makers =
  'heroku|heroku-community|heroku-buildpacks|dokku|gliderlabs|paketo-buildpacks|paketo-community|google|emk|hashnuke|ddollar|oven-sh|denoland'
const ownName = new RegExp(
  `^(?:https?://github\\.com/|git@github\\.com:|github\\.com/|urn:cnb:registry:|docker://(?:docker\\.io/)?)?(?:${makers})[/.](?:heroku-)?(?:buildpacks?-)?([a-z-]+?)(?:-buildpack)?(?:\\.git)?(?:[#@][\\w./-]+)?/?$`,
  'i',
)

const host = String.raw`[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::\d{1,5})?`
const segment = String.raw`[\w~][\w.~+-]{0,100}`
/** An address of a repository, and a commit, branch or tag: nothing that git would take for an option or another way to fetch. */
const repository = new RegExp(`^(https://${host}(?:/${segment}){1,8})/?(?:#(\\w[\\w./-]{0,120}))?$`)

/** What a listed buildpack means. @throws SourceError for one that is neither known, nor a folder, nor a repository */
export function namedBuildpack(tree: Tree, listed: Listed): Named {
  const { text, place } = listed
  const shown = text.slice(0, 120).replace(/\p{Cc}/gu, '?')
  const word = ownName.exec(text)?.[1]?.toLowerCase() ?? ''
  if (done.has(word)) return { kind: 'done' }
  if (Object.hasOwn(ours, word)) return { kind: 'own', names: ours[word] ?? [], listed }
  const path =
    text
      .replace(/^file:\/\/(?=\.)/, '')
      .replace(/^(?:\.\/+)+/, '')
      .replace(/\/+$/, '') || '.'
  if (/^[\w.@+-]+(?:\/[\w.@+-]+)*$/.test(path) && !path.split('/').includes('..') && tree.hasDirectory(path)) {
    if (tree.hasFile(path === '.' ? 'bin/compile' : `${path}/bin/compile`)) return { kind: 'folder', path, listed }
    throw new SourceError(place, `${shown} is no buildpack: it has no bin/compile`, 'add one, or take the line out')
  }
  const [, url, ref] = repository.exec(text) ?? []
  if (url !== undefined && !`${url}/${ref ?? ''}`.includes('..') && !/\.(?:tgz|tar|gz|tbz|zip|cnb)$/.test(url))
    return { kind: 'repository', url, ref: ref ?? null, listed }
  throw new SourceError(place, `${shown} is no buildpack that Berth can have${reason(text)}`, ways)
}

const ways =
  'name one of Heroku (heroku/nodejs), a folder of the repository that has bin/compile (./buildpacks/mine), or a git repository (https://host/owner/name#tag)'

function reason(text: string): string {
  if (/^https?:\/\/[^/]*@/.test(text))
    return ': an address with a password in it would be read by all who see the build'
  if (/^(?:http|git|ssh|ext|file|ftp):|^[\w-]+@|::/.test(text)) return ': only https:// is fetched from'
  if (/^https:.*\.(?:tgz|tar|gz|tbz|zip)/.test(text)) return ': archives are not fetched, git repositories are'
  if (/^\.{0,2}\//.test(text)) return ': there is no such folder in the repository'
  return ''
}
