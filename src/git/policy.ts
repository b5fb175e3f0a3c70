import { BerthError } from '../errors.js'
import type { App } from '../store/apps.js'
import { isZero, type RefCommand } from './commands.js'
import type { Verdict } from './report.js'

/** What is to be done with a push. */
export interface PolicyOnPush {
  /** The one command that deploys; null when there is none. */
  readonly deploys: RefCommand | null
  /** Why each of the others is refused. */
  readonly refused: readonly Verdict[]
}

const branches = ({ deployBranch }: App): string[] => (deployBranch === null ? ['main', 'master'] : [deployBranch])

/**
 * Judges each ref of a push by its name: an app's deploy branch deploys, and nothing else is taken. Pure.
 * @param branch the branch that the pusher wants deployed in its place
 * @throws BerthError `invalid` where the push has no such branch
 */
export function policyOn(app: App, commands: readonly RefCommand[], branch?: string): PolicyOnPush {
  const policy = policyOf(app, commands, branch === undefined ? branches(app) : [branch])
  if (branch === undefined || policy.deploys) return policy
  throw new BerthError(
    'invalid',
    `the push option branch names ${branch.slice(0, 80)}, which is not pushed`,
    `git push -o branch=NAME berth NAME`,
  )
}

/** Where a branch lands that is deployed in place of the app's own: it is the app's own from then on, as far as git sees. */
export const landsOn = (app: App, head: string): string =>
  branches(app).find((branch) => head === `ref: refs/heads/${branch}`) ?? branches(app)[0] ?? 'main'

function policyOf(app: App, commands: readonly RefCommand[], names: readonly string[]): PolicyOnPush {
  const refs = names.map((branch) => `refs/heads/${branch}`)
  const deploys = commands.find(({ ref, new: to }) => refs.includes(ref) && !isZero(to)) ?? null
  const others = commands.filter((command) => command !== deploys)
  return {
    deploys,
    refused: others.map(({ ref, new: to }) => ({ ref, reason: reasonFor(app, ref, isZero(to), refs) })),
  }
}

function reasonFor(app: App, ref: string, deletes: boolean, refs: readonly string[]): string {
  const [first = 'main', second] = branches(app)
  const choice = second === undefined ? first : `${first} or ${second}`
  if (refs.includes(ref))
    return deletes
      ? `the deploy branch cannot be deleted; berth apps:destroy removes the app`
      : `${first} is deployed by the same push`
  if (ref.startsWith('refs/tags/'))
    return `tags are not taken; deploy it with git push berth '${ref.slice(10)}^{}:${first}'`
  if (!ref.startsWith('refs/heads/')) return `only branches are taken; this app deploys ${choice}`
  const name = ref.slice('refs/heads/'.length)
  return deletes
    ? `there is no branch to delete but ${choice}`
    : `this app deploys ${choice}; deploy this branch with git push berth ${name}:${first}`
}
