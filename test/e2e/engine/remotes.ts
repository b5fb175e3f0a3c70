import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must, run } from '../../run.js'
import { freePort } from '../../free.js'

/** Servers on loopback that builds fetch from. */
export interface Remotes extends AsyncDisposable {
  /** `http://127.0.0.1:port` of `files`. */
  readonly http: string
  /** `git://127.0.0.1:port/repository` with branches `main` and `other`. */
  readonly git: string
  /** Paths asked of the http server, in order. */
  readonly asked: string[]
  commit(branch: string): Promise<string>
}

/** Serves files by http, and a repository with `tree` on main and `other` on a branch by git-daemon(1). */
export async function openRemotes(
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

  const asked: string[] = []
  const http = createServer((request, response) => {
    const path = (request.url ?? '').slice(1)
    asked.push(path)
    const body = files[path]
    response.writeHead(body === undefined ? 404 : 200, { 'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT' })
    response.end(body)
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const port = await freePort()
  const address = ['--listen=127.0.0.1', `--port=${String(port)}`]
  const flags = ['--export-all', '--reuseaddr', `--base-path=${dir}`, ...address]
  const daemon = spawn('git', ['daemon', ...flags, dir], { env, stdio: 'ignore', detached: true })
  for (let up = false; !up;) up = await answers(port)
  return {
    http: `http://127.0.0.1:${String((http.address() as AddressInfo).port)}`,
    git: `git://127.0.0.1:${String(port)}/repository`,
    asked,
    commit: (branch) => git('rev-parse', branch),
    [Symbol.asyncDispose]: async () => {
      http.close()
      const gone = once(daemon, 'close')
      if (daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGKILL')
      await gone
      await run('rm', ['-rf', dir])
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
