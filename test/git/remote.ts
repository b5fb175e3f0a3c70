import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must } from '../run.js'
import { gitEnv as env } from './rig.js'

/** What a server does before git may answer; true: it has answered. */
export type Guard = (request: IncomingMessage, response: ServerResponse) => boolean

/** Somebody else's git server: git's own http-backend, on loopback. */
export interface RemoteServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** Method, path and `Authorization` of every request. */
  readonly asked: { readonly line: string; readonly authorization: string | undefined }[]
  guard: Guard
  /** False: it speaks version 0 of the protocol, in which a commit cannot be asked for that no branch is at. */
  modern: boolean
  /** Commits to a repository, which is made when it is first named. @returns the commit */
  commit(repository: string, files: Readonly<Record<string, string>>, links?: Links): Promise<string>
  git(repository: string, ...args: string[]): Promise<string>
  stop(): Promise<void>
}

/** Commits of other repositories by their places. */
export type Links = Readonly<Record<string, { readonly url: string; readonly commit: string }>>

/** `.gitmodules` for some submodules. */
export const gitmodules = (links: Links): string =>
  Object.entries(links)
    .map(([path, { url }]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join('')

/** Refuses whoever does not say this user and password. */
export const demanding =
  (user: string, password: string): Guard =>
  ({ headers }, response) => {
    const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    if (headers.authorization === expected) return false
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="remote"' }).end('no')
    return true
  }

export async function remoteServer(): Promise<RemoteServer> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-remote-'))
  const server = createServer((request, response) => {
    remote.asked.push({
      line: `${request.method ?? ''} ${request.url ?? ''}`,
      authorization: request.headers.authorization,
    })
    if (!remote.guard(request, response)) serve(dir, remote.modern, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const run = (repository: string, args: readonly string[]): Promise<string> =>
    must('git', args, { cwd: join(dir, repository), env })
  const remote: RemoteServer = {
    url: `http://${host}`,
    host,
    asked: [],
    guard: () => false,
    modern: true,
    git: (repository, ...args) => run(repository, args),
    async commit(repository, files, links = {}) {
      const work = join(dir, repository)
      await must('git', ['init', '--quiet', '--initial-branch=main', work], { env })
      const all = { ...(Object.keys(links).length > 0 && { '.gitmodules': gitmodules(links) }), ...files }
      for (const [path, text] of Object.entries(all)) {
        await mkdir(dirname(join(work, path)), { recursive: true })
        await writeFile(join(work, path), text)
      }
      await run(repository, ['add', '--', ...Object.keys(all)])
      for (const [path, { commit }] of Object.entries(links))
        await run(repository, ['update-index', '--add', '--cacheinfo', `160000,${commit},${path}`])
      await run(repository, ['commit', '--quiet', '--allow-empty', '--message=change'])
      return run(repository, ['rev-parse', 'HEAD'])
    },
    async stop() {
      server.closeAllConnections()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
    async [Symbol.asyncDispose]() {
      await remote.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return remote
}

/** git-http-backend(1), as a web server runs it: CGI/1.1. */
function serve(dir: string, modern: boolean, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://remote')
  const child = spawn('git', ['http-backend'], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: dir,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      REQUEST_METHOD: request.method,
      // a working copy is served, as its `.git` would be
      PATH_INFO: url.pathname.replace(/^(\/[^/]+?)(?:\.git)?\/(?=info|git-|HEAD|objects)/, '$1/.git/'),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      ...(modern && { HTTP_GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => undefined)
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  let begun = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (begun) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    begun = true
    const fields = head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string])
    const { Status: status = '200', ...others } = Object.fromEntries(fields)
    response.writeHead(Number(status.split(' ')[0]), others).write(head.subarray(end + 4))
  })
  child.once('close', () => response.end())
}
