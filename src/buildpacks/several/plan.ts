import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes } from '../procfile.js'
import { foreignPlan, profileLines, type Foreign } from '../foreign/plan.js'
import { SourceError } from '../source-error.js'
import { over, type Tree } from '../tree.js'
import { chained } from './chain.js'
import type { Listed } from './list.js'
import { namedBuildpack, type Named } from './names.js'

type Own = Extract<Named, { kind: 'own' }>
/** One of Berth's own, or others that follow one another. */
type Group = Own | { readonly kind: 'foreign'; readonly buildpacks: readonly Foreign[]; readonly listed: Listed }

/** What makes the plan for a tree that names its buildpacks. */
export interface Several {
  readonly tree: Tree
  readonly variables: Readonly<Record<string, string>>
  /** All there are. */
  readonly buildpacks: readonly Buildpack[]
}

/**
 * The plan of several buildpacks in order: each gets the tree as the one before it has left it, and the last one says what
 * the image is and what runs, where no Procfile does. Null when they only name what is done anyway.
 * @throws SourceError for one that cannot be had, or does not take the tree
 */
export function severalPlan(listed: readonly Listed[], deps: Several): Plan | null {
  const groups = groupsOf(listed.map((one) => namedBuildpack(deps.tree, one)))
  const parts: Part[] = []
  for (const [index, group] of groups.entries())
    parts.push(planned(group, { previous: parts.at(-1)?.name ?? null, last: index === groups.length - 1, deps }))
  const last = parts.at(-1)
  if (last === undefined) return null
  const foreign = groups.some(({ kind }) => kind === 'foreign')
  if (parts.length === 1 && !foreign) return last.plan
  const names = parts.slice(0, -1).map(({ plan }) => plan.name)
  const base = parts.filter(({ plan }) => plan.buildpack !== 'foreign').at(-1)
  return {
    ...last.plan,
    buildpack: parts.map(({ plan }) => plan.buildpack).join('+'),
    found: names.length === 0 ? last.plan.found : `${names.join(', ')} and ${last.plan.found}`,
    dockerfile: chained(
      parts.map(({ name, plan }) => ({
        name,
        dockerfile: foreign ? plan.dockerfile.replace(entrypointLine, '') : plan.dockerfile,
      })),
      [...runtimes(parts, deps.tree), ...(foreign ? profileLines(entrypointOf(base)) : [])],
    ),
    dockerignore: [...new Set(parts.flatMap(({ plan }) => plan.dockerignore.split('\n')))].join('\n'),
    notes: parts.flatMap(({ plan }) => plan.notes),
  }
}

interface Part {
  /** Of its stage. */
  readonly name: string
  readonly plan: Plan
  readonly listed: Listed
}

const entrypointLine = /^ENTRYPOINT (\[.*\])\n/m

/** What a plan has its processes started by. */
const entrypointOf = (part: Part | undefined): string[] =>
  JSON.parse(entrypointLine.exec(part?.plan.dockerfile ?? '')?.[1] ?? '[]') as string[]

/** Each once; and what builds a front end serves it too. */
function groupsOf(all: readonly Named[]): readonly Group[] {
  const groups: Group[] = []
  for (const one of all) {
    const before = groups.at(-1)
    if (one.kind === 'done') continue
    if (one.kind === 'own') {
      const key = one.names.join()
      const serves = key === 'static' && before?.kind === 'own' && before.names.includes('nodejs')
      if (!serves && !groups.some((other) => other.kind === 'own' && other.names.join() === key)) groups.push(one)
    } else if (before?.kind === 'foreign') {
      groups[groups.length - 1] = { ...before, buildpacks: [...before.buildpacks, one] }
    } else groups.push({ kind: 'foreign', buildpacks: [one], listed: one.listed })
  }
  return groups
}

interface Position {
  readonly previous: string | null
  readonly last: boolean
  readonly deps: Several
}

function planned(group: Group, { previous, last, deps }: Position): Part {
  const { tree, variables, buildpacks } = deps
  const { listed } = group
  if (group.kind === 'foreign') {
    const plan = foreignPlan({ tree, buildpacks: group.buildpacks, previous, last })
    return { name: previous === null ? 'foreign' : `${previous}-foreign`, plan, listed }
  }
  const buildpack = buildpacks.find(({ name }) => group.names.includes(name))
  if (buildpack === undefined)
    throw new SourceError(listed.place, `Berth has no buildpack in place of ${listed.text}`, 'write a Dockerfile')
  const others = buildpacks.filter((one) => one !== buildpack).map(({ landmark }) => landmark)
  // what comes before another starts nothing
  const seen = last ? tree : over(tree, 'Procfile', 'web: true\n')
  const plan = buildpack.plan(seen, variables) ?? buildpack.plan(over(seen, others, null), variables)
  if (plan === null)
    throw new SourceError(
      listed.place,
      `${listed.text} does not take this tree: it is not ${buildpack.takes}`,
      `take it out of ${listed.place.file}, or add what it looks for`,
    )
  return { name: buildpack.name, plan, listed }
}

/** The words by which a process is one of a language's runtime. */
const programs: Readonly<Record<string, RegExp>> = {
  nodejs: /(?:^|[\s;&|])(?:node|npm|npx|yarn|pnpm)\s/,
  python: /(?:^|[\s;&|])(?:python3?|gunicorn|uvicorn|celery|flask|daphne|hypercorn)\s/,
  ruby: /(?:^|[\s;&|])(?:ruby|bundle|rails|rake|puma)\s/,
  php: /(?:^|[\s;&|])php\s/,
  java: /(?:^|[\s;&|])java\s/,
}
const node = [
  'RUN --mount=type=bind,from=nodejs,source=/usr,target=/mnt cp -a /mnt/local/bin/node /mnt/local/bin/np[mx] /usr/local/bin/ \\',
  ' && mkdir -p /usr/local/lib/node_modules && cp -a /mnt/local/lib/node_modules/npm /usr/local/lib/node_modules/ \\',
  " && find /mnt/lib -name 'libatomic.so.1*' -exec cp -an {} /usr/lib/ ';' && node --version",
]

/**
 * What puts the runtimes of earlier buildpacks into the image, where a process wants one. Those that are not Berth's own bring
 * what they need, and what comes before them is below them.
 * @throws BerthError `invalid` where that cannot be
 */
function runtimes(parts: readonly Part[], tree: Tree): string[] {
  const lines = Object.values(declaredTypes(tree))
  const own = parts.filter(({ plan }) => plan.buildpack !== 'foreign')
  const last = own.at(-1)
  const found = own.slice(0, -1).flatMap(({ name, plan, listed }) => {
    if (name === 'go') return ['ENV PATH=/app/bin:$PATH']
    const wanted = lines.find((line) => programs[name]?.test(`${line} `))
    if (wanted === undefined) return []
    if (name === 'nodejs') return node
    throw new BerthError(
      'invalid',
      `Procfile: \`${wanted.slice(0, 80)}\` runs ${plan.name}, and the image is that of the last buildpack, ${last?.plan.name ?? ''}`,
      `put ${listed.text} last in ${listed.place.file}, or deploy the two as two apps`,
    )
  })
  return found.length > 0 && last !== parts.at(-1) ? ['USER root', ...found] : found
}
