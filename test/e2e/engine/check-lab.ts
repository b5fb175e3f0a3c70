import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, typescript } from '../../run.js'
import type { Report } from '../../../src/engine/check/check.js'

const built = process.env.BERTH_TEST_BUILT === '1'
const program = fileURLToPath(
  new URL(built ? '../../../dist/engine/check/main.js' : '../../../src/engine/check/main.ts', import.meta.url),
)

/** Runs `berth engine:check` on a root directory, with an exit code of 0 or 1. */
export async function checkRoot(root: string): Promise<{ code: number; report: Report }> {
  const loader = built ? [] : [typescript]
  const { code, stdout, stderr } = await run(process.execPath, [...loader, program, '--root', root, '--json'], {
    timeoutMs: 120_000,
  })
  const [report] = code === 0 || code === 1 ? (JSON.parse(stdout) as Report[]) : []
  if (!report || code === null) throw new Error(`engine:check ended with ${String(code)}: ${stderr}`)
  return { code, report }
}

/** What the check finds wrong with an engine's root directory, a line each. */
export async function wrongIn(engine: { readonly dir: string }): Promise<string[]> {
  const { report } = await checkRoot(join(engine.dir, 'root'))
  return report.findings.map(({ kind, what, problem }) => `${kind}: ${what}: ${problem}`)
}
