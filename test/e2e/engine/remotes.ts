import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must } from '../../run.js'
import { eventually, type DockerEngine } from './harness.js'
import { freePort } from '../../free.js'
import { end, listen, within } from './registry-lab.js'

/** Servers on loopback of the engine that builds fetch from. */
export interface Remotes extends AsyncDisposable {
  /** `http://127.0.0.1:port` of `files`. */
  readonly http: string
  /** `git://127.0.0.1:port/repository` with branches `main` and `other`. */
  readonly git: string
  commit(branch: string): Promise<string>
}

/** Serves files by http, and a repository with `tree` on main and `other` on a branch by git-daemon(1). */
export async function openRemotes(
  engine: DockerEngine,
  files: Readonly<Record<string, Buffer | string>>,
  tree: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): Promise<Remotes> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-remote-'))
  const work = join(dir, 'repository')
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', HOME: dir }
  const git = (...args: string[]) =>
    must('git', ['-C', work, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { env })
  const commit = async (content: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(content)) {
      await mkdir(dirname(join(work, path)), { recursive: true })
      await writeFile(join(work, path), text)
    }
    await git('add', '-A')
    await git('commit', '-qm', 'x')
  }
  await mkdir(work)
  await git('init', '-q', '-b', 'main')
  await commit(tree)
  await git('checkout', '-qb', 'other')
  await commit(other)
  await git('checkout', '-q', 'main')

  const http = await listen((request, response) => {
    const body = files[(request.url ?? '').slice(1)]
    response.writeHead(body === undefined ? 404 : 200, { 'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT' })
    response.end(body)
  }, engine)
  const port = String(await freePort())
  const flags = ['--export-all', '--reuseaddr', `--base-path=${dir}`, '--listen=127.0.0.1', `--port=${port}`]
  const daemon = within(engine, 'git', ['daemon', ...flags, dir], { HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' })
  const repository = `git://127.0.0.1:${port}/repository`
  await eventually(async () => (await engine.run('git', ['ls-remote', repository])).code === 0, 'the git daemon')
  return {
    http: `http://${http.host}`,
    git: repository,
    commit: (branch) => git('rev-parse', branch),
    [Symbol.asyncDispose]: async () => {
      await http[Symbol.asyncDispose]()
      await end(daemon)
      await rm(dir, { recursive: true, force: true })
    },
  }
}
