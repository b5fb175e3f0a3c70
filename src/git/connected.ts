import { BerthError } from '../errors.js'
import { git } from './git.js'

/**
 * Walks a pushed commit's history and trees down to what the repository has. receive-pack does too, and refuses what has
 * gaps, but it runs its hook all the same and does not tell it: without this, what git refuses would be deployed.
 * @param env where git finds the pushed objects
 * @throws BerthError `invalid`
 */
export async function checkConnected(
  repository: string,
  commit: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const walk = await git(repository, ['rev-list', '--objects', '--quiet', commit, '--not', '--all'], env)
  if (walk.code === 0) return
  const said = walk.stderr.split('\n').at(-1) ?? ''
  if (/parents of commit|parse commit|shallow/i.test(walk.stderr))
    throw new BerthError(
      'invalid',
      'this push comes from a shallow clone: commits that it builds upon were not pushed',
      'git fetch --unshallow, then push again (in GitHub Actions: actions/checkout with fetch-depth: 0)',
    )
  throw new BerthError(
    'invalid',
    `objects that the pushed commit needs are neither in the push nor here (${said})`,
    '`git fsck` in your repository says what is missing; a fresh clone has all of it',
  )
}
