import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createClient, type ApiClient } from '../src/api/client.js'
import { readCredentials } from '../src/credentials.js'
import { BerthError } from '../src/errors.js'

/** A line of a push's output and when it came, ms since the push began. */
export interface Line {
  readonly at: number
  readonly text: string
}

/** An app of its own on a running Berth, made from a copy of examples/hello-node and destroyed at the end. */
export interface Stage extends AsyncDisposable {
  readonly client: ApiClient
  readonly app: string
  readonly url: URL
  /** The working copy. */
  readonly dir: string
  /** Changes one line, so that the app answers with `greeting`, and commits it. */
  change(greeting: string): Promise<void>
  /** Commits the same tree again. */
  repeat(): Promise<void>
  /** A real `git push`, to the app or to another repository. @throws Error with everything it said when it fails */
  push(url?: string): Promise<readonly Line[]>
}

/** What a working copy has beside the example. */
export interface StageContents {
  /** Files of 25 kB each. */
  readonly files?: number
  /** Files that its history once had, in commits of a hundred. */
  readonly history?: number
  /** Whether it is pushed once; true unless given. */
  readonly deployed?: boolean
}

const bytesEach = 25_000

/** A history, as git-fast-import(1) reads it: files come by the hundred, and all go with its last commit. */
function* historyOf(files: number): Generator<string> {
  const commit = (message: string) =>
    `commit refs/heads/main\ncommitter Bench <bench@localhost> 0 +0000\ndata ${String(message.length)}\n${message}\n`
  for (let at = 0; at < files; at++) {
    if (at % 100 === 0) yield commit(`add ${String(at)}`)
    const text = `${String(at)}\n`.repeat(100)
    yield `M 100644 inline old/${String(at % 100)}/${String(at)}.txt\ndata ${String(text.length)}\n${text}\n`
  }
  yield `${commit('remove all')}deleteall\n`
}

const example = fileURLToPath(new URL('../examples/hello-node', import.meta.url))

/** Uses BERTH_URL and BERTH_TOKEN, else what `bin/up` left for the CLI. */
export async function openStage(
  stem: string,
  { files = 0, history = 0, deployed = true }: StageContents = {},
): Promise<Stage> {
  const credentials = await readCredentials()
  if (!credentials)
    throw new BerthError('unauthenticated', 'no Berth to measure', 'run `bin/up`, or set BERTH_URL and BERTH_TOKEN')
  const client = createClient(credentials)
  const app = await client.apps.create({ name: `${stem}-${randomBytes(3).toString('hex')}` })
  const dir = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  const basic = Buffer.from(`bench:${credentials.token}`).toString('base64')
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    // in the environment, as arguments can be seen by everybody on the machine
    GIT_CONFIG_COUNT: '3',
    ...{ GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}` },
    ...{ GIT_CONFIG_KEY_1: 'user.name', GIT_CONFIG_VALUE_1: 'Bench' },
    ...{ GIT_CONFIG_KEY_2: 'user.email', GIT_CONFIG_VALUE_2: 'bench@localhost' },
  }

  const run = async (args: string[], input: Iterable<string> = []): Promise<readonly Line[]> => {
    const began = performance.now()
    const lines: Line[] = []
    const child = spawn('git', args, { cwd: dir, env, stdio: ['pipe', 'ignore', 'pipe'] })
    Readable.from(input).pipe(child.stdin)
    createInterface(child.stderr).on('line', (text) =>
      lines.push({ at: performance.now() - began, text: text.replace(/^remote: /, '').trimEnd() }),
    )
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`git ${args[0] ?? ''} failed:\n${lines.map((line) => line.text).join('\n')}`)
    return lines
  }
  const git = (...args: string[]) => run(args)

  const stage: Stage = {
    client,
    app: app.name,
    url: new URL(app.url),
    dir,
    change: async (greeting) => {
      const file = join(dir, 'server.js')
      const before = await readFile(file, 'utf8')
      await writeFile(file, before.replace(/'Hello[^']*'/, `'Hello ${greeting}'`))
      await git('add', '--all')
      await git('commit', '--quiet', `--message=Say ${greeting}`)
    },
    repeat: async () => {
      await git('commit', '--quiet', '--allow-empty', '--message=The same')
    },
    push: (url = app.gitUrl) => git('push', url, 'HEAD:main'),
    [Symbol.asyncDispose]: async () => {
      await rm(dir, { recursive: true, force: true })
      await settle(client, (await client.apps.destroy({ app: app.name, confirm: app.name })).id).catch(() => undefined)
    },
  }
  try {
    await git('init', '--quiet', '--initial-branch=main')
    if (history > 0) await run(['fast-import', '--quiet'], historyOf(history))
    await cp(example, dir, { recursive: true })
    for (let at = 0; at < files; at++) {
      await mkdir(join(dir, 'files', String(at % 40)), { recursive: true })
      await writeFile(join(dir, 'files', String(at % 40), String(at)), randomBytes(bytesEach))
    }
    await stage.change('0')
    if (deployed) await stage.push()
  } catch (error) {
    await stage[Symbol.asyncDispose]()
    throw error
  }
  return stage
}

/** Waits until an operation is over. @throws Error saying why when it failed */
export async function settle(client: ApiClient, operation: string): Promise<void> {
  const log = await client.operations.log({ operation, follow: 'true' })
  while ((await log.next()).done !== true); // its end is the deploy's
  const { status, failure } = await client.operations.info({ operation })
  if (status !== 'succeeded') throw new Error(`operation ${operation} ${status}: ${failure ?? ''}`)
}
