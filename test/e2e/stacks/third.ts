/**
 * The stack tests of `npm run test:stacks:third`: `npm run test:stacks` runs all of them, which takes half an hour and more. A third is
 * chosen by the commit, so that three commits in a row tend to see all; what the change touches is added to it.
 */

/** The folders of src/buildpacks and src/stacks that each spec of this folder is about. */
export const about: Readonly<Record<string, readonly string[]>> = {
  cms: ['php', 'apt'],
  'deno-bun': ['deno', 'bun'],
  dockerfile: ['dockerfile', 'debian'],
  elixir: ['elixir', 'dotnet'],
  frameworks: ['node'],
  'front-ends': ['node', 'static'],
  go: ['go'],
  java: ['java'],
  media: ['apt'],
  native: ['cpp', 'shell'],
  php: ['php'],
  python: ['python'],
  queue: ['python', 'apt'],
  ruby: ['ruby'],
  rust: ['rust'],
  servers: ['node'],
  several: ['several', 'foreign', 'apt'],
  static: ['static', 'nginx'],
}

/**
 * Not among the thirds: what generators on npm write today is another app tomorrow, and a commit is not to fail for that.
 * `npm run test:stacks` has it.
 */
export const apart = ['node']

/** What chooses a third. */
export interface Change {
  /** In hexadecimal; '' where there is no history. */
  readonly commit: string
  /** Paths of files that differ from what was there before. */
  readonly paths: readonly string[]
  /** The examples that each spec deploys. */
  readonly examples: Readonly<Record<string, readonly string[]>>
}

/**
 * The specs to run, by name. A change that touches more than another third of them is a change of everything, which the
 * thirds are for.
 */
export function thirdOf({ commit, paths, examples }: Change): string[] {
  const names = Object.keys(about).sort()
  const turn = Number.parseInt(commit.slice(-8) || '0', 16) % 3
  const touched = names.filter((name) => {
    const shown = [
      `test/e2e/stacks/${name}.test.ts`,
      ...(examples[name] ?? []).map((example) => `examples/${example}/`),
      ...(about[name] ?? []).flatMap((folder) => [`src/buildpacks/${folder}/`, `src/stacks/${folder}/`]),
    ]
    return paths.some((path) => shown.some((one) => path.startsWith(one)))
  })
  const added = touched.length > names.length / 3 ? [] : touched
  return names.filter((name, index) => index % 3 === turn || added.includes(name))
}

/** The examples that a spec pushes, by its text. */
export const examplesIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/\bexample\('([a-z0-9-]+)'\)/g)].map(([, name = '']) => name)),
]
