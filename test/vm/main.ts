/**
 * `npm run test:vm`: Berth's tests on what a server is: Debian 12 with systemd and control groups of version 2 alone, in a
 * virtual machine. See `--help`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bring, lend, lent, place } from './checkout.js'
import { openImage } from './image.js'
import { openMachine } from './machine.js'

const usage = `Usage: sudo npm run test:vm [-- [options] [SPEC...]]

Runs tests in a virtual machine: Debian 12 with systemd and control groups v2 alone. SPECs are files below test/e2e or
test/long, run in the machine with the checkout as it lies on disk, changed files and all; and files below test/vm, run
here, which start machines of their own. Without any: the engine's fences, what differs with control groups, and a reboot.

  --patience N    time limits of tests are N times as long (10 where the machine is emulated, else 1)
  --shell         let root in when the tests are over, pass or fail; the machine goes when the shell ends
  -h, --help

Ctrl-C ends it at any time; nothing stays but the disk images, in BERTH_CACHE or the temporary directory.
Examples: npm run test:vm -- test/e2e/fences/userns.test.ts
          npm run test:vm -- 'test/e2e/engine/**/*.test.ts' test/vm/reboot.test.ts
`

/** What depends on the kernel, its control groups and systemd most. */
const usual = [
  ...['archives', 'images', 'kernel', 'privileges', 'races', 'registry', 'userns'].map((name) => `fences/${name}`),
  ...['containers', 'exec', 'run-flags', 'stats', 'update', 'ps', 'network-recovery', 'crash'].map(
    (name) => `engine/${name}`,
  ),
].map((name) => `test/e2e/${name}.test.ts`)
const usualHere = ['test/vm/reboot.test.ts']

const home = fileURLToPath(new URL('../..', import.meta.url))
const began = Date.now()
/** A line of progress, with how long it took to get there. */
const say = (line: string): void =>
  void process.stderr.write(`-----> ${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${line}\n`)

const stop = new AbortController()
const { signal } = stop

/** Runs a program of ours with our outputs. @returns its exit code */
async function local(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(command, args, { cwd: home, stdio: 'inherit', env: { ...process.env, ...env } })
  const [code] = (await once(child, 'exit')) as [number | null]
  signal.throwIfAborted()
  return code ?? 255
}

/** Runs spec files in a machine. */
async function inside(specs: readonly string[], patience: string | undefined, shell: boolean): Promise<number> {
  const image = await openImage('tests', say, signal)
  await using machine = await openMachine({ image, progress: say, signal })
  await machine.boot()
  say('copying the checkout')
  await bring(machine, true)
  await lend(machine)
  const settings = [
    `BERTH_TEST_PATIENCE=${patience ?? String(machine.patience)}`,
    'BERTH_TEST_BUILT=1',
    `BERTH_CACHE=${lent}`,
  ]
  const files = specs.map((spec) => `--spec '${spec.replaceAll("'", "'\\''")}'`).join(' ')
  say(`running ${String(specs.length)} specs`)
  const code = await machine.run(
    `cd ${place} && bin/install --test && ${settings.join(' ')} npx mocha --config .mocharc.vm.json ${files}`,
  )
  if (shell) await machine.shell()
  say('shutting down')
  await machine.off()
  return code
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { patience: { type: 'string' }, shell: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (process.getuid?.() !== 0) throw new Error('test:vm needs root: it makes a disk image. Run it with sudo')
  const installed = await local('bin/install', ['--vm'])
  if (installed !== 0) return installed
  const specs = positionals.length === 0 ? [...usual, ...usualHere] : positionals
  const here = specs.filter((spec) => spec.startsWith('test/vm/'))
  const there = specs.filter((spec) => !here.includes(spec))
  const codes = [
    there.length === 0 ? 0 : await inside(there, values.patience, values.shell ?? false),
    here.length === 0 ? 0 : await local('node_modules/.bin/mocha', ['--config', '.mocharc.json', ...here]),
  ]
  return Math.max(...codes)
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(new Error(name)))
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(` ▸    ${signal.aborted ? 'stopped' : error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = signal.aborted ? 130 : 1
}
