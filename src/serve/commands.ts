import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.js'
import { BerthError } from '../errors.js'
import { readRunning } from './instance.js'
import { home } from './paths.js'

const words = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 'es'}`

/** @throws BerthError `denied` for anybody else */
function needRoot(command: string): void {
  if (process.getuid?.() !== 0)
    throw new BerthError('denied', `berth ${command} needs root, as Berth itself does`, `sudo berth ${command}`)
}

/**
 * The settings of this machine's Berth: of the one in BERTH_ROOT, else of the one that runs, wherever it lives.
 * @throws BerthError `denied` for anybody but root, whose Berth is
 */
function ownConfig(command: string): Config {
  needRoot(command)
  const running = process.env.BERTH_ROOT ? null : readRunning(process.env.BERTH_RUN ?? '/run/berth')
  return loadConfig({ BERTH_ROOT: running?.settings.BERTH_ROOT, ...process.env })
}

/** Runs Berth until it is stopped: `berth serve`. @throws BerthError as `superviseInstance` */
export async function serve(): Promise<void> {
  const { superviseInstance } = await import('./supervisor.js')
  await superviseInstance(ownConfig('serve'))
}

function addServe(program: Command): void {
  program
    .command('serve')
    .description('run every process of the platform in the foreground')
    .addHelpText('after', '\nExample:\n  $ sudo BERTH_HTTP_PORT=8080 berth serve\n')
    .action(serve)
}

function addDown(program: Command): void {
  program
    .command('down')
    .description('stop the platform and leave apps running')
    .option('--all', 'stop the apps too and leave nothing in the kernel; data on disk stays')
    .addHelpText('after', '\nExample:\n  $ sudo berth down --all\n')
    .action(async ({ all }: { all?: boolean }) => {
      const config = ownConfig(all ? 'down --all' : 'down')
      const { down, downAll } = await import('./down.js')
      process.stderr.write(`Stopping ${all ? 'Berth and every app' : 'Berth'}... `)
      const stopped = await (all ? downAll(config) : down(config))
      process.stderr.write(stopped === 0 ? 'it was not running\n' : `done, ${words(stopped, 'process')}\n`)
      if (!all && stopped > 0) process.stderr.write('Apps keep running, but are not served until `bin/up`.\n')
    })
}

function addUp(program: Command): void {
  program
    .command('up', { hidden: true })
    .description('what bin/up does once everything is installed and built')
    .action(async () => {
      const config = ownConfig('up')
      const { up } = await import('./up.js')
      const { url, example, failure } = await up(config)
      const sudo = process.env.SUDO_UID === undefined ? '' : 'sudo '
      console.log(`\n       Berth is up at ${url}`)
      if (example !== null) console.log(`       Example app:   ${example}`)
      console.log(`       Platform log:  ${sudo}tail -F ${config.root}/log/*.log\n`)
      if (failure) throw failure
    })
}

function addEngine(program: Command): void {
  program
    .command('engine')
    .description("run Berth's container engine alone, in the foreground (see --help)")
    .helpOption(false)
    .allowUnknownOption()
    .argument('[args...]')
    .addHelpText('after', '\nExample:\n  $ sudo berth engine --socket /run/engine.sock --root /var/lib/engine\n')
    .action((args: string[]) => {
      if (!args.includes('--help')) needRoot('engine')
      return hand('dist/engine/main.js', args)
    })
}

function addEngineCheck(program: Command): void {
  program
    .command('engine:check')
    .description('verify every blob, layer and record of the engine (see --help)')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[args...]')
    .addHelpText('after', '\nExample:\n  $ sudo berth engine:check --json\n')
    .action((args: string[]) => hand('dist/engine/check/main.js', args))
}

/** The commands that run Berth itself on this machine: they need root, the others a token. */
export function registerServe(program: Command): void {
  for (const add of [addServe, addDown, addUp, addEngine, addEngineCheck]) add(program)
}

/** Runs a program of the engine's, which reads its own arguments. */
async function hand(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, join(home, program), ...args], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal))
  process.exitCode = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}
