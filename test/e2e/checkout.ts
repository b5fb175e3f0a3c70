import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort, poolByte } from '../free.js'
import { must, run, type Outcome } from '../run.js'
import { cache, home } from './instance.js'

/** Copies of this checkout, and a Berth that their own `bin/up` starts. */
export interface Checkout extends AsyncDisposable {
  readonly dir: string
  /** Settings of the Berth. */
  readonly env: NodeJS.ProcessEnv
  readonly port: number
  /** Where the checkout is now. */
  place: string
  up(more?: NodeJS.ProcessEnv): Promise<Outcome>
  /** Kills it, and all it runs in its own session, when it has said this and `there` is there. */
  upKilledAt(words: string, there?: string): Promise<void>
  berth(...args: string[]): Promise<Outcome>
  /** What an app answers, and the status. */
  answer(app: string): Promise<string>
}

/** Copies what git has of this checkout, changed files and all, and what is installed; it is not built. */
export async function copyCheckout(to: string, installed: boolean): Promise<void> {
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: home })
  for (const name of listed.split('\0').filter((one) => one !== '')) {
    const there = await stat(join(home, name)).catch(() => null) // deleted, and not yet committed
    if (!there) continue
    await mkdir(dirname(join(to, name)), { recursive: true })
    await cp(join(home, name), join(to, name))
  }
  if (!installed) return
  await must('cp', ['-a', join(home, 'node_modules'), to], { timeoutMs: 120_000 })
  await cp(join(home, 'package-lock.json'), join(to, 'node_modules/.installed-lock'))
}

/** @param parent the directory of it all, readable by everybody; default one of its own */
export async function openCheckout(parent?: string): Promise<Checkout> {
  const dir = parent ?? (await mkdtemp(join(tmpdir(), 'berth-checkout-')))
  await must('chmod', ['755', dir])
  const port = await freePort()
  const env = {
    ...process.env,
    ...{ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run'), BERTH_CONFIG_DIR: join(dir, 'credentials') },
    ...{ BERTH_NAME: `u${randomBytes(4).toString('hex')}`, BERTH_CACHE: cache, BERTH_HTTP_PORT: String(port) },
    BERTH_POOL: `10.${String(poolByte())}.0.0/16`,
  }
  const first = join(dir, 'berth')
  await copyCheckout(first, true)
  const checkout: Checkout = {
    dir,
    env,
    port,
    place: first,
    up: (more = {}) =>
      run(join(checkout.place, 'bin/up'), [], { env: { ...env, ...more }, cwd: '/', timeoutMs: 400_000 }),
    upKilledAt: async (words, there) => {
      const child = spawn(join(checkout.place, 'bin/up'), {
        env,
        cwd: '/',
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const closed = once(child, 'close')
      let said = ''
      for await (const chunk of child.stderr) {
        said += String(chunk)
        if (said.includes(words)) break
      }
      if (!said.includes(words)) throw new Error(`it ended without "${words}":\n${said}`)
      while (there !== undefined && !(await stat(there).catch(() => null)));
      process.kill(-(child.pid ?? 0), 'SIGKILL')
      await closed
    },
    berth: (...args) => run(join(checkout.place, 'bin/berth'), args, { env, cwd: dir, timeoutMs: 180_000 }),
    answer: async (app) => {
      const { stdout } = await run('curl', ['-s', '-w', ' %{http_code}', `http://${app}.localhost:${String(port)}/`])
      return stdout
    },
    [Symbol.asyncDispose]: async () => {
      const { code, stderr } = await checkout.berth('down', '--all')
      if (!parent) await rm(dir, { recursive: true, force: true })
      if (code !== 0) throw new Error(`berth down --all failed:\n${stderr}`)
    },
  }
  return checkout
}
