import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../../run.js'

/** What a generator writes, in a directory that goes away with its holder. */
export interface Generated extends AsyncDisposable {
  readonly directory: string
}

/** A generator: its package, and its arguments; `app` is the folder that it makes. */
export type Generator = readonly [string, ...string[]]

/** Has `npm create` or the like write an app, as somebody does who begins one today. */
export async function generated([name, ...args]: Generator): Promise<Generated> {
  const parent = await mkdtemp(join(tmpdir(), 'berth-generated-'))
  const env = {
    ...process.env,
    npm_config_yes: 'true',
    CI: '1',
    NG_CLI_ANALYTICS: 'false',
    NEXT_TELEMETRY_DISABLED: '1',
  }
  await must('npx', [name, ...args], { cwd: parent, env, timeoutMs: 600_000 })
  const directory = join(parent, 'app')
  for (const left of ['.git', 'node_modules']) await rm(join(directory, left), { recursive: true, force: true })
  return { directory, [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) }
}

/** What it writes for fonts that a build fetches from where this machine does not get to. */
export async function withoutFonts(directory: string): Promise<void> {
  const file = join(directory, 'app/layout.tsx')
  const text = await readFile(file, 'utf8')
  const plain = text
    .replace(/^import \{[^}]*\} from "next\/font\/google";\n/m, '')
    .replace(/^const \w+ = Geist\w*\(\{[^]*?\}\);\n/gm, '')
    .replace(/className=\{`[^`]*`\}/, '')
  await writeFile(file, plain)
}
