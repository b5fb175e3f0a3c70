import { expect } from 'chai'
import { run } from '../../run.js'
import { createApp, type Instance, type Repository } from '../instance.js'

/** An example that was pushed. */
export interface Pushed {
  readonly repo: Repository
  readonly app: string
  /** What the push said. */
  readonly said: string
}

/** How long a test may take, or a push: base images are made in it, and half of Debian installed; on a busy machine, too. */
export const patience = 1_200_000

/** Pushes what is committed, and expects it to be taken. @returns what the push said */
export async function pushed(berth: Instance, repo: Repository): Promise<string> {
  const env = { ...berth.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' }
  const push = await run('git', ['push', 'berth', 'main'], { cwd: repo.dir, env, timeoutMs: patience })
  expect(push.code, push.stderr).to.equal(0)
  return push.stderr
}

/** Pushes examples/<repo>; `berth` subcommands that come first set the app up. */
export async function pushedExample(
  berth: Instance,
  repo: Repository,
  ...before: readonly (readonly string[])[]
): Promise<Pushed> {
  const app = await createApp(berth, repo, 'example')
  for (const words of before) {
    const { code, stderr } = await berth.berth([...words, '-a', app])
    expect(code, stderr).to.equal(0)
  }
  return { repo, app, said: await pushed(berth, repo) }
}
