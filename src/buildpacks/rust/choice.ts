import { BerthError } from '../../errors.js'
import type { CargoPackage, CargoProject } from './package.js'

/** Packages that a program listens with. */
const servers =
  /^(?:actix-web|actix-files|axum|gotham|hyper|iron|loco-rs|nickel|ntex|pavex|poem|rocket|rouille|salvo|thruster|tide|tiny_http|tonic|trillium|viz|warp)$/

/** Whether a package listens for requests, as far as its dependencies tell. */
export const listens = ({ dependencies }: CargoPackage): boolean => [...dependencies].some((one) => servers.test(one))

/**
 * The packages that are built: the one that is asked for by its folder or its name; those that the workspace builds by
 * default; the one at the top, where it has a program; else all that have one.
 */
export function chosenPackages({ packages, usual }: CargoProject, asked: string): readonly CargoPackage[] {
  const runnable = packages.filter(({ programs }) => programs.length > 0)
  const named = runnable.filter(({ directory, name }) => asked !== '' && (directory === asked || name === asked))
  if (named.length > 0) return named
  if (usual !== null) return runnable.filter(({ directory }) => usual.has(directory))
  const top = runnable.filter(({ directory }) => directory === '.')
  return top.length > 0 ? top : runnable
}

/**
 * The process types of packages without a Procfile: the program that serves is the web, the others have their names.
 * @throws BerthError `invalid` naming the programs when none of several can be told to serve
 */
export function processTypes(packages: readonly CargoPackage[]): Record<string, string> {
  const all = [...new Set(packages.flatMap(({ programs }) => programs))]
  const serving = packages.filter(listens)
  const of = (names: readonly (string | undefined)[]): string[] =>
    names.flatMap((name) => all.filter((one) => one === name))
  const usual = of(['web', 'server', 'api', 'app'])
  const sole = (some: readonly CargoPackage[]): readonly string[] => {
    const [one, ...others] = some
    if (one === undefined || others.length > 0) return []
    const program = one.defaultRun ?? (one.programs.length === 1 ? one.programs[0] : undefined)
    return of([program, ...(usual.length > 0 ? [] : [one.programs.find((name) => name === one.name)])])
  }
  const [web] = [...(all.length === 1 ? all : []), ...sole(packages), ...usual, ...sole(serving)]
  if (web === undefined)
    throw new BerthError(
      'invalid',
      `several programs, and none of them is plainly the web process: ${all.slice(0, 12).join(', ')}`,
      `name it by \`default-run\` in Cargo.toml, or in a Procfile: \`web: ${all[0] ?? ''}\``,
    )
  const others = all.filter((name) => name !== web && !['web', 'release'].includes(name))
  return Object.fromEntries([['web', web], ...others.map((name): [string, string] => [name.replace(/^_+/, ''), name])])
}
