import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { buildEnvironment } from '../../src/engine/build/environment.js'
import { home, type Instance } from '../../test/e2e/instance.js'
import { must } from '../../test/run.js'
import type { Case } from './cases.js'

/** An app's source and its language's toolchain in a directory: what builds it is the same, and no container is. */
export interface Outside extends AsyncDisposable {
  /** Changes a file and builds. @returns how long the build took, in milliseconds */
  build(file: string, text: string): Promise<number>
}

/** Lays out the toolchain of `image`, which the instance's engine has, and builds the example once. */
export async function openOutside({ config }: Instance, image: string, one: Case): Promise<Outside> {
  const root = await mkdtemp(join(tmpdir(), 'berth-outside-'))
  const app = join(root, 'work')
  const laid = await mkdtemp(join(tmpdir(), 'berth-outside-'))
  // what the steps of builds have of this machine, too: its registries and certificates
  const { env, mounts } = await buildEnvironment(
    { buildEnv: parse(await readFile(join(config.root, 'build.env'))) },
    laid,
  )
  const docker = (script: string) =>
    must('sh', ['-c', script], { env: { ...process.env, DOCKER_HOST: `unix://${config.engineSocket}` } })
  const words = JSON.parse(await docker(`docker image inspect -f '{{json .Config.Env}}' ${image}`)) as string[]
  /** A shell in the directory; its network is the machine's, or none at all. */
  const shell = async (script: string, flags: readonly string[] = []): Promise<string> => {
    const enter = [
      `mount -t proc proc ${root}/proc`,
      `exec env -i HOME=/root "$@" chroot ${root} sh -c 'cd /work && eval "$SCRIPT"'`,
    ].join('\n')
    const variables = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...words, `SCRIPT=${script}`]
    return must('unshare', ['--mount', ...flags, 'sh', '-c', enter, 'sh', ...variables], { timeoutMs: 600_000 })
  }
  const dispose = async () => {
    for (const directory of [root, laid]) await rm(directory, { recursive: true, force: true })
  }
  try {
    await docker(`id=$(docker create ${image}) && docker export $id | tar -x -C ${root} && docker rm $id`)
    await mkdir(app)
    await cp(join(home, 'examples', one.example), app, { recursive: true })
    for (const file of ['resolv.conf', 'hosts']) await cp(`/etc/${file}`, join(root, 'etc', file))
    for (const { source, target } of mounts) await cp(source, join(root, target))
    await must('cp', ['-a', ...['null', 'zero', 'random', 'urandom'].map((name) => `/dev/${name}`), join(root, 'dev')])
    await shell(`${one.first} && ${one.again}`)
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    build: async (file, text) => {
      await writeFile(join(app, file), text)
      const timed = `began=$(date +%s%N); { ${one.again}; } >/tmp/said 2>&1 || { cat /tmp/said >&2; exit 1; }; echo $(($(date +%s%N) - began))`
      return Number(await shell(timed, ['--net'])) / 1e6
    },
    [Symbol.asyncDispose]: dispose,
  }
}
