import { BerthError } from '../../errors.js'
import { records } from '../git.js'
import { shorten, type Link, type TreeFacts } from '../tree.js'

/** Bytes of a `.gitmodules`. */
const maxBytes = 64 * 1024

/** A submodule as a commit has it: where it is, which commit, and what `.gitmodules` says of where it comes from. */
export interface Submodule extends Link {
  readonly url: string
}

interface Section {
  path?: string
  url?: string
  update?: string
}

const noFile = (paths: readonly string[]): BerthError =>
  new BerthError(
    'invalid',
    `${shorten(paths)}: a commit of another repository is pinned there, and .gitmodules does not say which repository`,
    `add it: git submodule add URL ${paths[0] ?? ''}; or take its files into this one: git rm --cached ${paths[0] ?? ''} && rm -rf ${paths[0] ?? ''}/.git && git add ${paths[0] ?? ''}`,
  )

/**
 * The submodules that a commit pins, with what its `.gitmodules` says of each (gitmodules(5)). Others that it names do not count:
 * git would not fetch them either. `branch` and `shallow` change nothing, for the pinned commit is what is fetched.
 * @param env where git finds the commit
 * @throws BerthError `invalid` for what git refuses too, or what cannot be understood
 */
export async function readModules(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
  { links, modules }: Pick<TreeFacts, 'links' | 'modules'>,
): Promise<Submodule[]> {
  if (links.length === 0) return []
  if (modules === null) throw noFile(links.map(({ path }) => path))
  if (modules.mode === '120000')
    throw new BerthError('invalid', '.gitmodules is a symbolic link', 'commit a file in its place')
  if (modules.size > maxBytes)
    throw new BerthError('large', `.gitmodules is larger than ${String(maxBytes / 1024)} KiB`, 'name fewer submodules')
  const sections = await readSections(repository, commit, env)
  const byPath = new Map([...sections].map(([name, section]) => [section.path?.replace(/\/+$/, ''), { name, section }]))
  const unknown = links.filter(({ path }) => byPath.get(path)?.section.url === undefined)
  if (unknown.length > 0) throw noFile(unknown.map(({ path }) => path))
  return links.map(({ path, commit: pinned }) => {
    const { name, section } = byPath.get(path) ?? { name: '', section: {} }
    check(path, name, section)
    return { path, commit: pinned, url: section.url ?? '' }
  })
}

async function readSections(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
): Promise<Map<string, Section>> {
  const sections = new Map<string, Section>()
  // git would read files of the server that it includes
  const args = ['config', '--no-includes', '--blob', `${commit}:.gitmodules`, '-z', '--list']
  try {
    for await (const record of records(repository, args, env, maxBytes)) {
      const [, name, key, value] = /^submodule\.([^\n]*)\.([^.\n]+)(?:\n(.*))?$/s.exec(record.toString()) ?? []
      if (name === undefined || (key !== 'path' && key !== 'url' && key !== 'update')) continue
      const section = sections.get(name) ?? {}
      section[key] = value ?? ''
      sections.set(name, section)
    }
  } catch (error) {
    throw new BerthError('invalid', '.gitmodules cannot be read', '`git config -f .gitmodules --list` says why', error)
  }
  return sections
}

/** What git itself refuses, said by name. */
function check(path: string, name: string, { update }: Section): void {
  const hint = 'correct .gitmodules, commit and push'
  if (name === '' || /(^|[/\\])\.\.([/\\]|$)/.test(name))
    throw new BerthError('invalid', `${path}: a submodule cannot be named "${name.slice(0, 80)}"`, hint)
  // what is not UTF-8 has become U+FFFD
  if (path.startsWith('-') || path.includes('\uFFFD'))
    throw new BerthError('invalid', `"${path}" cannot be the path of a submodule`, 'move it with git mv')
  if (update?.startsWith('!'))
    throw new BerthError('invalid', `${path}: .gitmodules wants a command run (update = !…), and none is`, hint)
}
