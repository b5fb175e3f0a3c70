import { existsSync } from 'node:fs'
import { access, constants, mkdir, rename, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Config } from '../config.js'

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Where programs named `git…` are that run git within its limits: see `installLimits`. */
export const gitPrograms = (config: Config): string => join(config.root, 'git', 'bin')

/**
 * Writes programs that stand before git in the PATH of whoever runs it on an app's repository. Each joins git's control
 * groups and limits itself (setrlimit(2): address space, processor time) before it becomes git, so that everything that
 * git starts has the limits too, from its first instruction on.
 * @param groups directories of control groups that this account may move its processes to; none where there are none
 */
export async function installLimits(config: Config, groups: readonly string[]): Promise<void> {
  const directory = gitPrograms(config)
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const real = await findGit(directory)
  const { memory, seconds } = config.push
  const joining = groups.map(joinGroup).join('')
  const text = (command: string): string => `#!/bin/sh
# Written by Berth at its start.
{
${joining}ulimit -v ${String(Math.floor(memory / 1024))}
ulimit -t ${String(seconds)}
} 2>/dev/null
exec ${quoted(real)} ${command}"$@"
`
  for (const [name, command] of [
    ['git', ''],
    ['git-receive-pack', 'receive-pack '],
    ['git-upload-pack', 'upload-pack '],
  ] as const) {
    const file = join(directory, name)
    await writeFile(`${file}.new`, text(command), { mode: 0o750 })
    await rename(`${file}.new`, file)
  }
}

const joinWhole = (group: string): string => `echo $$ >${quoted(join(group, 'cgroup.procs'))}\n`

/**
 * How a shell joins a control group. Whoever moves a process waits until the kernel has seen all processors (8 to 20 ms,
 * unless another did a moment ago); a thread that moves itself does not, but only version 1 lets it.
 */
export const joinGroup = (group: string): string =>
  existsSync(join(group, 'tasks')) ? `echo 0 >${quoted(join(group, 'tasks'))} || ${joinWhole(group)}` : joinWhole(group)

async function findGit(except: string): Promise<string> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(directory, 'git')
    if (directory === '' || directory === except || directory.endsWith('/git/bin')) continue
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file
  }
  return '/usr/bin/git'
}
