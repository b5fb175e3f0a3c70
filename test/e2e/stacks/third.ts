/**
 * The stack tests of `npm run test:stacks:third`: `npm run test:stacks` runs all of them, which takes half an hour. A third is
 * chosen by the commit, so that three commits in a row tend to see all; what the change touches is added to it.
 */

/** A spec of this folder. */
interface Spec {
  /** The folders of src/buildpacks and src/stacks that it is about. */
  readonly about: readonly string[]
  /** What it takes where nothing is there yet, base images neither: seconds of processor time, which a quiet machine needs about. */
  readonly seconds: number
}

export const specs: Readonly<Record<string, Spec>> = {
  cms: { about: ['php', 'apt'], seconds: 60 },
  'deno-bun': { about: ['deno', 'bun'], seconds: 20 },
  dockerfile: { about: ['dockerfile', 'compose', 'debian'], seconds: 100 },
  elixir: { about: ['elixir', 'dotnet'], seconds: 25 },
  frameworks: { about: ['node'], seconds: 105 },
  'front-ends': { about: ['node', 'static'], seconds: 35 },
  go: { about: ['go'], seconds: 100 },
  java: { about: ['java'], seconds: 155 },
  media: { about: ['apt'], seconds: 120 },
  native: { about: ['cpp', 'shell'], seconds: 55 },
  php: { about: ['php'], seconds: 50 },
  python: { about: ['python'], seconds: 70 },
  queue: { about: ['python', 'apt'], seconds: 40 },
  ruby: { about: ['ruby'], seconds: 75 },
  rust: { about: ['rust'], seconds: 135 },
  servers: { about: ['node'], seconds: 35 },
  several: { about: ['several', 'foreign', 'apt'], seconds: 60 },
  static: { about: ['static', 'nginx'], seconds: 55 },
}

/**
 * Not among the thirds: what generators on npm write today is another app tomorrow, and a commit is not to fail for that.
 * `npm run test:stacks` has it.
 */
export const apart = ['node']

/** What is added for a change takes no longer than this: all tests together have to be done in 40 minutes. */
export const most = 180

/** What chooses a third. */
export interface Change {
  /** In hexadecimal; '' where there is no history. */
  readonly commit: string
  /** Paths of files that differ from what was there before. */
  readonly paths: readonly string[]
  /** The examples that each spec deploys. */
  readonly examples: Readonly<Record<string, readonly string[]>>
}

/** Specs by name. */
export interface Chosen {
  readonly run: readonly string[]
  /** Touched as well, and too much to be run for each commit. */
  readonly left: readonly string[]
}

const secondsOf = (name: string): number => specs[name]?.seconds ?? 0
/** How long specs take, one after the other. */
export const sum = (names: readonly string[]): number => names.reduce((all, name) => all + secondsOf(name), 0)

/** Three parts that take about as long as each other: the next longest goes where the least is. */
function thirds(): string[][] {
  const parts: string[][] = [[], [], []]
  for (const name of Object.keys(specs).sort((a, b) => secondsOf(b) - secondsOf(a) || (a < b ? -1 : 1)))
    parts.reduce((least, part) => (sum(part) < sum(least) ? part : least)).push(name)
  return parts
}

/** The specs to run: a third, and of what the change touches beside it the shortest, as far as there is time. */
export function thirdOf({ commit, paths, examples }: Change): Chosen {
  const third = thirds()[Number.parseInt(commit.slice(-8) || '0', 16) % 3] ?? []
  const touched = Object.entries(specs).flatMap(([name, { about }]) => {
    const shown = [
      `test/e2e/stacks/${name}.test.ts`,
      ...(examples[name] ?? []).map((example) => `examples/${example}/`),
      ...about.flatMap((folder) => [`src/buildpacks/${folder}/`, `src/stacks/${folder}/`]),
    ]
    return !third.includes(name) && paths.some((path) => shown.some((one) => path.startsWith(one))) ? [name] : []
  })
  const added: string[] = []
  for (const name of touched.sort((a, b) => secondsOf(a) - secondsOf(b)))
    if (sum([...added, name]) <= most) added.push(name)
  return { run: [...third, ...added].sort(), left: touched.filter((name) => !added.includes(name)).sort() }
}

/** The examples that a spec pushes, by its text. */
export const examplesIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/\bexample\('([a-z0-9-]+)'\)/g)].map(([, name = '']) => name)),
]
