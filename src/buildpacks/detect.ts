import { BerthError } from '../errors.js'
import { aptPackages } from './apt/aptfile.js'
import { withPackages } from './apt/install.js'
import type { Buildpack, Plan } from './buildpack.js'
import { composeFiles } from './compose/mark.js'
import { askedCompose, composeFileOf, composePlan } from './compose/plan.js'
import { dockerfile } from './dockerfile/buildpack.js'
import { withFixedPort } from './fixed-port.js'
import { buildpacks } from './index.js'
import { declaredTypes } from './procfile.js'
import { railwayStart } from './railway.js'
import { withProject } from './project-toml.js'
import { listedBuildpacks } from './several/list.js'
import { severalPlan } from './several/plan.js'
import { over, type Tree } from './tree.js'
import { unfinishedApp, unknownLanguage } from './unknown.js'

/**
 * The plan for a source tree. Pure: no network, no side effects.
 * @param variables the app's config vars
 * @param added buildpacks that are asked before those of Berth; an app's own Dockerfile comes first
 * @throws BerthError `invalid` in words for the pusher; SourceError when a file of the tree is at fault
 */
export function detect(
  tree: Tree,
  variables: Readonly<Record<string, string>> = {},
  added: readonly Buildpack[] = [],
): Plan {
  const asked = askedCompose(tree, variables)
  if (asked !== undefined) return composePlan(tree, asked, variables)
  const plan = dockerfile.plan(tree, variables) ?? named(tree, variables) ?? taken(tree, variables, added)
  const compose = composeFileOf(tree)
  if (plan !== null) {
    const whole = plan.ownDockerfile
      ? plan
      : withProject(withPackages(withFixedPort(plan, tree), aptPackages(tree)), tree)
    return compose === undefined ? whole : { ...whole, notes: [...whole.notes, passedOver(compose)] }
  }
  if (compose !== undefined) return composePlan(tree, compose, variables)
  refuseProcfile(tree, variables)
  const names = tree.names().filter((name) => name !== '.git')
  const nested = nestedApps(tree)
  const language = nested.length === 0 ? unknownLanguage(tree) : null
  if (language !== null)
    throw new BerthError(
      'invalid',
      `this is an app in ${language.name} (${language.file}), and Berth has no buildpack for ${language.name}`,
      `write a Dockerfile that builds it, or name a buildpack of Heroku's kind, its folder or its git address, in .buildpacks; what Debian has, an Aptfile and a Procfile can run`,
    )
  const unfinished = nested.length === 0 ? unfinishedApp(tree) : null
  if (unfinished !== null) throw new BerthError('invalid', unfinished.seen, unfinished.way)
  throw new BerthError(
    'invalid',
    names.length === 0
      ? 'the commit has no files in it'
      : `no stack recognised in ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}${nested.length === 0 ? '' : `; ${nested.map(({ directory, file }) => `${directory} has ${article(file)} ${file}`).join(', ')}`}`,
    nested.length === 0
      ? `Berth builds ${recognised(added)}; it looks at the top of the repository`
      : `Berth looks at the top of the repository; ${nestedHint(nested.map(({ directory }) => directory))}`,
  )
}

const nestedHint = ([first = '', ...others]: readonly string[]): string =>
  others.length === 0
    ? `deploy that folder: berth builds:set dir=${first}, then push again`
    : `deploy one of these folders: berth builds:set dir=${first}, then push again; for ${others.length === 1 ? 'the other' : 'each of the others'} (${others.map((one) => `dir=${one}`).join(', ')}) make an app of its own`

/** Refuses an app whose Procfile starts what no buildpack that would take the rest of it brings. */
function refuseProcfile(tree: Tree, variables: Readonly<Record<string, string>>): void {
  const [type, command] = Object.entries(declaredTypes(tree)).find(([name]) => name !== 'release') ?? []
  const plan = type === undefined ? null : firstOf(over(tree, 'Procfile', null), variables)
  if (plan === null || command === undefined) return
  const web = plan.processTypes.web
  throw new BerthError(
    'invalid',
    `this is ${article(plan.found)} ${plan.found}, and its Procfile is for another: \`${type ?? ''}: ${command.slice(0, 80)}\``,
    `${web == null ? 'write what starts it into Procfile' : `write \`web: ${web}\` into Procfile, or take Procfile away, which starts the same`}; an app of several languages names their buildpacks in .buildpacks`,
  )
}

const article = (noun: string): string => (/^[aeiou]/i.test(noun) ? 'an' : 'a')

/** Most of them are there to develop with. */
const passedOver = (file: string): string =>
  `${file} is not read: to deploy its services, berth deploy --compose ${file}, or berth builds:set compose=${file}`

/** The plan of the buildpacks that the app names. */
function named(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const listed = listedBuildpacks(tree, variables)
  return listed.length === 0 ? null : severalPlan(listed, { tree, variables, buildpacks })
}

/**
 * The plan of the first buildpack that takes a tree. Where it has no Procfile, a file for Railway says what starts it; a
 * package.json says that better.
 */
function taken(tree: Tree, variables: Readonly<Record<string, string>>, added: readonly Buildpack[]): Plan | null {
  const own = firstOf(tree, variables, added)
  if (own !== null) return own
  const start = tree.hasFile('package.json') ? null : railwayStart(tree)
  const plan = start === null ? null : firstOf(start.tree, variables)
  return start === null || plan === null ? firstOf(tree, variables) : { ...plan, notes: [start.note, ...plan.notes] }
}

function firstOf(tree: Tree, variables: Readonly<Record<string, string>>, among = buildpacks): Plan | null {
  for (const buildpack of among) {
    const plan = buildpack.plan(tree, variables)
    if (plan) return plan
  }
  return null
}

/** All that is recognised, in words: "a Dockerfile, a Node.js app (package.json), or a static site". */
function recognised(added: readonly Buildpack[]): string {
  const all = [...[...added, ...buildpacks].map(({ takes }) => takes), `a compose file (${composeFiles[0]})`]
  return [...all.slice(0, -1), `or ${all.at(-1) ?? ''}`].join(', ')
}

/** So many directories are looked into: a hint is not worth more. */
const looks = 200

/** So many are named. */
const shown = 4

/** Apps that lie below the top, no deeper than `apps/web`; what lies in one is a part of it. */
function nestedApps(tree: Tree): { directory: string; file: string }[] {
  const directories = (path: string): string[] =>
    tree
      .names(path)
      .filter((name) => !name.startsWith('.') && name !== 'node_modules')
      .map((name) => (path === '.' ? name : `${path}/${name}`))
      .filter((name) => tree.hasDirectory(name))
      .slice(0, looks)
  const first = directories('.')
  const all: { directory: string; file: string }[] = []
  for (const directory of [...first, ...first.slice(0, 20).flatMap(directories)].slice(0, looks)) {
    if (all.some((one) => directory.startsWith(`${one.directory}/`))) continue
    const found = buildpacks.find(({ landmark }) => tree.hasFile(`${directory}/${landmark}`))
    if (found !== undefined) all.push({ directory, file: found.landmark })
  }
  return all.slice(0, shown)
}
