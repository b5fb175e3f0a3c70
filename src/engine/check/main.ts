import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineError, messageOf } from '../errors.js'
import { check, type Report } from './check.js'

const usage = `Usage: berth engine:check [options]

Verifies what an engine keeps: every blob, layer and record, and that nothing is left over. Changes nothing.
It may be run while the engine runs; leftovers are looked for only when it does not.
Exit code 0 says that all is well, 1 that something is not.

  --root DIR   root directory of the engine; may be repeated   (/var/lib/berth/engine)
  --json       the findings as JSON
  --help

Example:
  sudo berth engine:check --json
`

/** Milliseconds between two lines of progress where there is no terminal. */
const tellEveryMs = 5000

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      root: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (process.getuid?.() !== 0) throw new EngineError('denied', 'the check needs root: the files are root’s alone')
  const { BERTH_ROOT = '/var/lib/berth' } = process.env
  const reports: Report[] = []
  for (const root of values.root ?? [join(BERTH_ROOT, 'engine')]) reports.push(await checkOne(resolve(root)))
  if (values.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`)
  else for (const report of reports) process.stdout.write(describe(report))
  return reports.some(({ findings }) => findings.length > 0) ? 1 : 0
}

async function checkOne(root: string): Promise<Report> {
  const terminal = process.stderr.isTTY
  let next = Date.now() + (terminal ? 0 : tellEveryMs)
  const report = await check(root, (done, layers, bytes, all) => {
    if (Date.now() < next && !(terminal && done === layers)) return
    next = Date.now() + (terminal ? 100 : tellEveryMs)
    const line = `${String(done)} of ${String(layers)} layers, ${size(bytes)} of ${size(all)}`
    process.stderr.write(terminal ? `\r\u001b[K${line}` : `${line}\n`)
  })
  if (terminal) process.stderr.write('\r\u001b[K')
  return report
}

function describe({ root, running, count, findings }: Report): string {
  const counted = [
    `${String(count.images)} images`,
    `${String(count.layers)} layers (${size(count.bytes)})`,
    `${String(count.containers)} containers`,
    `${String(count.volumes)} volumes`,
    `${String(count.networks)} networks`,
    `${String(count.cached)} entries of the build cache`,
  ].join(', ')
  const lines = findings.map(({ what, problem, remedy }) => ` ▸    ${what}: ${problem}\n      ${remedy}\n`)
  const verdict = findings.length === 0 ? 'all is well' : `${String(findings.length)} found wrong`
  const note = running ? '; leftovers were not looked for: the engine runs' : ''
  return `${root}: ${counted}\n${lines.join('')}${verdict}${note}\n`
}

const size = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(` ▸    ${error instanceof EngineError ? messageOf(error) : String((error as Error).stack)}\n`)
    process.exit(2)
  },
)
