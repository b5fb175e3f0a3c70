import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nginxFiles } from '../../../src/buildpacks/static/nginx-stage.js'

/** What nginx answered; header names in small letters. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A real nginx, with the files that a site's image has, at a socket of its own. */
export interface Served extends AsyncDisposable {
  readonly socketPath: string
  get(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
  /** Tells it to end, as the engine does. @returns its exit code */
  stop(): Promise<number | null>
}

/** A file's text, or where a link leads. */
export type SiteFiles = Readonly<Record<string, string | Buffer | { readonly to: string }>>

/** An image's root below a directory: the paths that the stage's files name are there. */
export interface ImageRoot extends Disposable {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  /** `install-site`, `serve-site`, with their arguments. */
  run(command: string, ...args: string[]): { readonly code: number | null; readonly said: string }
}

/** Lays out a site and its configuration as the stage and the plan's own lines do. */
export function imageRoot(files: SiteFiles, configuration: string): ImageRoot {
  const directory = mkdtempSync(join(tmpdir(), 'berth-nginx-'))
  chmodSync(directory, 0o755)
  const moved = (text: string): string =>
    text
      .replaceAll(/(\/etc\/nginx\/(?:nginx|site)|\/tmp\/nginx|\/srv\/site)/g, `${directory}$1`)
      .replace('listen $port;', `listen unix:${directory}/socket;`)
      .replace('access_log /dev/stdout', `access_log ${directory}/access.log`)
  for (const [path, text] of Object.entries({ ...nginxFiles, '/etc/nginx/site.conf': configuration })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), moved(text), { mode: 0o755 })
  }
  const soon = Date.now() / 1000 + 3600
  for (const path of ['srv', 'tmp']) mkdirSync(join(directory, path))
  for (const [path, content] of Object.entries(files)) {
    const file = join(directory, 'srv/site', path)
    mkdirSync(dirname(file), { recursive: true })
    if (typeof content === 'string' || Buffer.isBuffer(content)) {
      writeFileSync(file, content)
      // as new as a file can be, however long it takes from here to its installation
      utimesSync(file, soon, soon)
    } else symlinkSync(content.to, file)
  }
  const env = { PATH: `${directory}/usr/local/bin:/usr/sbin:${process.env.PATH ?? ''}` }
  return {
    directory,
    env,
    run: (command, ...args) => {
      const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' })
      return { code: status, said: `${stdout}${stderr}` }
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Installs a site and serves it. */
export async function serveSite(
  files: SiteFiles,
  configuration: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const root = imageRoot(files, configuration)
  const installed = root.run('install-site')
  if (installed.code !== 0) throw new Error(installed.said)
  const socketPath = join(root.directory, 'socket')
  const env = { ...root.env, ...environment }
  const nginx = spawn('serve-site', [], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const get = getter(socketPath)
  await listening(nginx, get)
  const stop = async (): Promise<number | null> => {
    const gone = once(nginx, 'exit')
    nginx.kill('SIGQUIT')
    return ((await gone) as [number | null])[0]
  }
  return {
    socketPath,
    get,
    stop,
    [Symbol.asyncDispose]: async () => {
      if (nginx.exitCode === null) await stop()
      root[Symbol.dispose]()
    },
  }
}

async function listening(nginx: ChildProcess, get: Served['get']): Promise<void> {
  while (!(await get('/').catch(() => null))) {
    if (nginx.exitCode !== null) throw new Error('nginx did not start')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** node:http sends a path as it is; fetch would tidy it. */
const getter =
  (socketPath: string): Served['get'] =>
  (path, headers = {}, method = 'GET') =>
    new Promise((resolve, reject) => {
      request({ socketPath, path, headers, method, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        )
      })
        .on('error', reject)
        .end()
    })
