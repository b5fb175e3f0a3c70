import { readFileSync } from 'node:fs'
import { must } from '../../run.js'
import { base, docker, openEngine, type TestEngine } from '../engine/harness.js'

/** An engine, and containers on it to look at from inside and outside. */
export interface UsersLab extends AsyncDisposable {
  readonly engine: TestEngine
  /** What a shell in a container with these flags says, on both streams. */
  readonly tries: (script: string, ...flags: string[]) => Promise<string>
  /** Starts a container that lives on; answers with the pid of its first process. */
  readonly keep: (name: string, ...flags: string[]) => Promise<number>
  readonly pidOf: (name: string) => Promise<number>
}

export async function openUsersLab(): Promise<UsersLab> {
  const engine = await openEngine()
  const pidOf = async (name: string): Promise<number> =>
    Number(await engine.must('inspect', '-f', '{{.State.Pid}}', name))
  return {
    engine,
    tries: async (script, ...flags) => {
      const { stdout, stderr } = await engine.docker('run', '--rm', ...flags, base, 'sh', '-c', script)
      return (stdout + stderr).trim()
    },
    keep: async (name, ...flags) => {
      await engine.must('run', '-d', '--name', name, ...flags, base, 'sleep', '600')
      return pidOf(name)
    },
    pidOf,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}

/** The host's id for a process's root. */
export const firstOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)[1])

/** Leaves a test out where the docker command has no --annotation: Debian 12's, of 20.10. */
export async function wantsAnnotations(test: Mocha.Context): Promise<void> {
  if (!(await must(docker, ['run', '--help'])).includes('--annotation')) test.skip()
}
