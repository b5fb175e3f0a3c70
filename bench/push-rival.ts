import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { detect } from '../src/buildpacks/detect.js'
import { directoryTree } from '../src/buildpacks/tree.js'
import { dockerd } from '../test/e2e/foreign.js'
import { baseArchive } from '../test/e2e/engine/harness.js'
import { must, run } from '../test/run.js'

/** The client that has BuildKit without a plugin. */
const client = '/usr/bin/docker'

/** How the same is done by hand: `docker build`, with everything cached but the COPY, and `docker run -d`. */
export interface PushRival extends AsyncDisposable {
  /** Takes away what ran before. */
  clear(): Promise<unknown>
  /** Builds a directory's app by the Dockerfile that Berth would, and runs it. */
  deploy(dir: string): Promise<void>
  /** Where its container listens, once one has run. */
  readonly address: () => string
}

/** Debian's dockerd, with the images that the plan of `dir` begins with. Null where there is none. */
export async function openPushRival(dir: string, engineSocket: string): Promise<PushRival | null> {
  if ((await run('sh', ['-c', `command -v dockerd && command -v ${client}`])).code !== 0) return null
  const { dockerfile, dockerignore } = detect(directoryTree(dir), {})
  const base = /^FROM (\S+)/m.exec(dockerfile)?.[1] ?? ''
  const engine = await dockerd(await baseArchive())
  const docker = (...args: string[]): Promise<string> =>
    must(client, ['-H', `unix://${engine.socket}`, ...args], {
      env: { ...process.env, DOCKER_BUILDKIT: '1' },
      timeoutMs: 300_000,
    })
  try {
    const saved = `docker -H unix://${engineSocket} save ${base} | ${client} -H unix://${engine.socket} load`
    await must('sh', ['-c', saved], { timeoutMs: 300_000 })
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
  let address = ''
  return {
    address: () => address,
    clear: () => docker('rm', '-f', 'bench').catch(() => ''),
    deploy: async (from) => {
      const file = join(from, '.git', 'rival.Dockerfile')
      await writeFile(file, dockerfile)
      await writeFile(`${file}.dockerignore`, dockerignore)
      await docker('build', '-q', '--network', 'host', '-t', 'bench', '-f', file, from)
      await docker('run', '-d', '--name', 'bench', '-e', 'PORT=5000', 'bench')
      // the next has the same: docker gives the first that is free
      if (address === '') address = await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'bench')
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}
