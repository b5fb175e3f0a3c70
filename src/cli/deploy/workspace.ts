import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { copyFile, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Writable } from 'node:stream'
import { credentialsDir, type Credentials } from '../../credentials.js'
import { orMissing } from '../../lib/missing.js'
import { gitFailure } from '../../git-failure.js'

/** How one git process is run. */
interface GitOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Written to its standard input. */
  readonly input?: string | ((stdin: Writable) => Promise<void>)
  /** What it says is for the person at the terminal, and is told here, too. */
  readonly shown?: (text: string) => void
  /** The repository that it speaks to, for a person, where that is not Berth's. */
  readonly elsewhere?: string
}

/**
 * A commit is the standard container of source code: what is deployed without a repository becomes one here, in a bare
 * repository of the command line's own for each app, and is pushed as any other. So the server has one way in, and is sent
 * what it does not have. What was deployed before stays, as far as git keeps it, so that the next time is fast.
 */
const configuration = `[core]
\trepositoryformatversion = 0
\tbare = true
\tlogAllRefUpdates = false
\tlooseCompression = 0
\tfsmonitor = false
\thooksPath = /dev/null
[pack]
\tcompression = 1
\tthreads = 0
[protocol "ext"]
\tallow = never
`

/** gitattributes(5): files are deployed byte for byte, whatever the attributes beside them say. */
const attributes = '* -text -filter !eol -ident !working-tree-encoding\n'

function directoryOf({ url }: Credentials, app: string): string {
  const name = createHash('sha256').update(`${url} ${app}`).digest('hex').slice(0, 16)
  return join(credentialsDir(), 'deploys', `${name}.git`)
}

/** The repository that an app is deployed from, and git as it is run on it. */
export class Workspace implements AsyncDisposable {
  readonly #directory: string
  /** Two commands at once have an index each; the last to end is remembered. */
  readonly #index: string
  readonly #env: Readonly<Record<string, string>>

  private constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.#index = join(directory, `index.${randomUUID()}`)
    this.#env = env
  }

  /** Whether the app was deployed from here before. */
  static async isThere(credentials: Credentials, app: string): Promise<boolean> {
    return (await stat(directoryOf(credentials, app)).catch(orMissing(undefined))) !== undefined
  }

  static async open(credentials: Credentials, app: string): Promise<Workspace> {
    const directory = directoryOf(credentials, app)
    for (const folder of ['objects', 'refs', 'info'])
      await mkdir(join(directory, folder), { recursive: true, mode: 0o700 })
    await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/main\n')
    await writeFile(join(directory, 'config'), configuration)
    await writeFile(join(directory, 'info', 'attributes'), attributes)
    const workspace = new Workspace(directory, access(credentials))
    // not a copy: by when an index was written git knows which files may have changed in that same second (racy-git)
    await link(join(directory, 'index'), workspace.#index).catch(orMissing(undefined))
    return workspace
  }

  /** Runs git. @returns what it printed, trimmed @throws BerthError why it failed, in words for a person */
  async git(args: readonly string[], { env = {}, input, shown, elsewhere }: GitOptions = {}): Promise<string> {
    const child = spawn('git', args, {
      env: { ...outsideEnvironment(), ...this.#env, GIT_DIR: this.#directory, GIT_INDEX_FILE: this.#index, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const failed = Promise.withResolvers<number | string | null>()
    child.on('error', ({ code }: NodeJS.ErrnoException) => failed.resolve(code ?? null))
    child.on('close', (code) => failed.resolve(code))
    child.stdin.on('error', () => undefined) // it may end without reading
    if (shown)
      child.stderr.on('data', (chunk: Buffer) => {
        process.stderr.write(chunk)
        shown(chunk.toString())
      })
    const written = typeof input === 'function' ? input(child.stdin) : Promise.resolve()
    const said = Promise.all([text(child.stdout), text(child.stderr)])
    try {
      await written
      child.stdin.end(typeof input === 'string' ? input : '')
    } catch (error) {
      child.kill()
      await failed.promise
      throw error
    }
    const [stdout, stderr] = await said
    const code = await failed.promise
    if (code !== 0) throw gitFailure(args, code, stderr, elsewhere)
    return stdout.trimEnd()
  }

  /** The index is what makes the next deploy of a directory fast: it knows the files that have not changed. */
  async keepIndex(): Promise<void> {
    await rename(this.#index, join(this.#directory, 'index')).catch(orMissing(undefined))
  }

  /** The tree of what is in the index, with another file at its top. The index itself does not have it. */
  async treeWith(name: string, text: string): Promise<string> {
    const other = `${this.#index}.more`
    const env = { GIT_INDEX_FILE: other }
    try {
      await copyFile(this.#index, other)
      const blob = await this.git(['hash-object', '-w', '--stdin'], { input: text })
      await this.git(['update-index', '--add', '--cacheinfo', `100644,${blob},${name}`], { env })
      return await this.git(['write-tree'], { env })
    } finally {
      await rm(other, { force: true })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#index, { force: true })
    await rm(`${this.#index}.lock`, { force: true })
  }
}

/** Without what git tells of another repository to whom it calls: this may be a hook of one, or its alias. */
export const outsideEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|.*OBJECT_DIRECTOR.*|CONFIG_(COUNT|KEY|VALUE).*|QUARANTINE_PATH)$/.test(
          name,
        ),
    ),
  )

/** The token goes to its own server alone, by the environment: a command line can be seen by everybody on a machine. */
function access({ url, token }: Credentials): Record<string, string> {
  const settings = [
    [`http.${url}/.extraHeader`, `Authorization: Basic ${Buffer.from(`berth:${token}`).toString('base64')}`],
    // a proxy of the environment does not know this machine's own names
    ...(new URL(url).hostname.endsWith('.localhost') ? [[`http.${url}/.proxy`, '']] : []),
  ]
  return Object.fromEntries([
    ['GIT_CONFIG_COUNT', String(settings.length)],
    ...settings.flatMap(([key = '', value = ''], at) => [
      [`GIT_CONFIG_KEY_${String(at)}`, key],
      [`GIT_CONFIG_VALUE_${String(at)}`, value],
    ]),
  ]) as Record<string, string>
}
