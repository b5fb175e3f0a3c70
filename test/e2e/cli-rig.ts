import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCredentials } from '../../src/credentials.js'
import { openRig, type Rig } from '../api/rig.js'
import { run, type Outcome, type RunOptions } from '../run.js'
import { buildCli, home } from './built.js'

/** A control API without containers, and the built command line that is logged in to it. */
export interface CliRig extends AsyncDisposable {
  readonly api: Rig
  readonly dir: string
  readonly env: NodeJS.ProcessEnv
  readonly berth: (args: readonly string[], options?: RunOptions) => Promise<Outcome>
  /** What a command prints, parsed. */
  readonly json: (args: readonly string[]) => Promise<unknown>
}

export async function openCliRig(): Promise<CliRig> {
  await buildCli()
  const api = await openRig()
  const dir = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  const env = { ...process.env, BERTH_CONFIG_DIR: join(dir, 'credentials'), GIT_CONFIG_GLOBAL: '/dev/null' }
  for (const name of ['BERTH_URL', 'BERTH_TOKEN', 'BERTH_APP']) Reflect.deleteProperty(env, name)
  await writeCredentials({ url: api.url, token: api.token }, env)
  const berth: CliRig['berth'] = (args, options) => run(join(home, 'bin/berth'), args, { cwd: dir, env, ...options })
  return {
    api,
    dir,
    env,
    berth,
    json: async (args) => JSON.parse((await berth(args)).stdout) as unknown,
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
