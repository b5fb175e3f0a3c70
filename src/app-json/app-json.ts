import { z } from 'zod'
import { parseJsonc, withoutComments } from '../buildpacks/jsonc.js'
import { namesIn, type JsonName, type JsonNames } from '../buildpacks/json-places.js'
import { position, SourceError } from '../buildpacks/source-error.js'
import { checkVariableName } from '../changes/config.js'
import { BerthError } from '../errors.js'
import type { Tree } from '../buildpacks/tree.js'
import type { DeclaredChecks } from '../store/checks.js'
import type { CronLine } from '../store/cron.js'
import type { ReleaseScripts } from '../store/releases.js'
import { CronLines } from './cron.js'
import { HealthChecks } from './health-checks.js'
import { unknownName } from './known-names.js'

const file = 'app.json'

/** More than any has, in bytes. */
const longest = 1024 * 1024
/** More warnings help nobody. */
const mostNotes = 20
/** As many of one type as a formation may have. */
const mostProcesses = 100

const Variable = z.preprocess(
  (value) => (typeof value === 'string' ? { value } : value),
  z.object({
    value: z.string().default(''),
    required: z.boolean().default(true),
    generator: z.literal('secret').exactOptional(),
    sync: z.boolean().default(false),
  }),
)

/** A config var that an app asks for. */
export type AskedVariable = z.output<typeof Variable>

const Command = z.string().trim()
const AppJsonShape = z.object({
  cron: CronLines,
  env: z.record(z.string(), Variable).default({}),
  formation: z
    .record(z.string(), z.object({ quantity: z.int().min(0).max(mostProcesses).exactOptional() }))
    .default({}),
  scripts: z
    .object({
      predeploy: Command.default(''),
      postdeploy: z
        .preprocess((value) => (typeof value === 'string' ? { command: value } : value), z.object({ command: Command }))
        .default({ command: '' }),
      dokku: z
        .object({ predeploy: Command.default(''), postdeploy: Command.default('') })
        .default({ predeploy: '', postdeploy: '' }),
    })
    .default({ predeploy: '', postdeploy: { command: '' }, dokku: { predeploy: '', postdeploy: '' } }),
  healthchecks: HealthChecks.default({}),
})

/** What an app says of itself beside its code, in `app.json`: Heroku's format, with Dokku's meaning. */
export interface AppJson {
  /** Config vars. */
  readonly env: Readonly<Record<string, AskedVariable>>
  /** Process type -> how many run. */
  readonly formation: Readonly<Record<string, number>>
  readonly scripts: ReleaseScripts
  /** Process type -> how it is checked. */
  readonly healthchecks: DeclaredChecks
  /** What runs at times. */
  readonly cron: readonly CronLine[]
  /** What is passed over, a line each. */
  readonly notes: readonly string[]
}

/**
 * Reads an app's `app.json`; null where there is none, or an empty one. It may have comments and commas too many.
 * https://devcenter.heroku.com/articles/app-json-schema; dokku docs/appendices/file-formats/app-json.md
 * @throws SourceError at the first value that is not of the type it has to be
 */
export function readAppJson(tree: Tree): AppJson | null {
  const text = tree.read(file, longest) ?? ''
  if (text.trim() === '') return null
  const all = namesIn(withoutComments(text))
  const parsed = AppJsonShape.safeParse(parseJsonc(file, text))
  if (!parsed.success) throw wrong(text, all.names, parsed.error.issues[0])
  for (const name of all.names) checkVariableAt(text, name)
  const { env, formation, scripts, healthchecks, cron } = parsed.data
  return {
    env,
    formation: Object.fromEntries(
      Object.entries(formation).flatMap(([type, { quantity }]) => (quantity === undefined ? [] : [[type, quantity]])),
    ),
    scripts: scriptsOf(scripts),
    healthchecks,
    cron,
    notes: notesOn(text, all),
  }
}

function scriptsOf({ predeploy, postdeploy, dokku }: z.output<typeof AppJsonShape>['scripts']): ReleaseScripts {
  const before = dokku.predeploy || predeploy
  return {
    ...(before === '' ? {} : { before }),
    ...(dokku.postdeploy === '' ? {} : { after: dokku.postdeploy }),
    ...(postdeploy.command === '' ? {} : { once: postdeploy.command }),
  }
}

/** zod's issue in words, with the place of the value that is wrong, or of what should have it. */
function wrong(text: string, names: readonly JsonName[], issue: z.core.$ZodIssue | undefined): SourceError {
  const path = (issue?.path ?? []).map(String)
  const isAt = (one: JsonName, length: number): boolean =>
    one.path.length === length && one.path.every((name, at) => name === path[at])
  const found = path.map((_, above) => names.find((one) => isAt(one, path.length - above))).find(Boolean)
  const said = (issue?.message ?? '').replace(/^Invalid input: /, '')
  return new SourceError(
    { file, ...position(text, found?.offset ?? 0) },
    `${path.join('.') || 'the file'}: ${said}`,
    `correct ${file}, commit and push again`,
  )
}

/** @throws SourceError for what is below `env` and can be the name of no config var */
function checkVariableAt(text: string, { path: [top, name = ''], path: { length }, offset }: JsonName): void {
  if (top !== 'env' || length !== 2) return
  try {
    checkVariableName(name)
  } catch (error) {
    throw error instanceof BerthError
      ? new SourceError({ file, ...position(text, offset) }, error.message, error.hint)
      : error
  }
}

function notesOn(text: string, { names, twice }: JsonNames): string[] {
  const addons = names.filter(({ path }) => path.length === 1 && path[0] === 'addons')
  const failures = names.filter(
    ({ path }) => path[0] === 'healthchecks' && path.length === 4 && path[3] === 'onFailure',
  )
  const told: [JsonName, string][] = [
    ...names.flatMap((name): [JsonName, string][] => {
      const said = unknownName(name.path)
      return said === undefined ? [] : [[name, said]]
    }),
    ...twice.map((name): [JsonName, string] => [name, `${name.path.join('.')} is here twice; the last one counts`]),
    ...addons.map((name): [JsonName, string] => [
      name,
      'addons are not provided here: set the variables that they would set',
    ]),
    ...failures.map((name): [JsonName, string] => [
      name,
      `${name.path.join('.')} is passed over: nothing is run or called when a check fails`,
    ]),
  ]
  const lines = told
    .slice(0, mostNotes)
    .map(([{ offset }, said]) => `${file}:${String(position(text, offset).line)}: ${said.slice(0, 200)}`)
  return told.length > mostNotes ? [...lines, `${file}: and ${String(told.length - mostNotes)} more`] : lines
}

/** @throws BerthError `invalid` where it wants processes of a type that the app does not have */
export function checkFormation(formation: AppJson['formation'], processTypes: Readonly<Record<string, unknown>>): void {
  const types = Object.keys(processTypes).filter((type) => type !== 'release')
  const none = Object.entries(formation).find(([type, quantity]) => quantity > 0 && !types.includes(type))
  if (none)
    throw new BerthError(
      'invalid',
      `app.json wants ${String(none[1])} of process type "${none[0].slice(0, 80)}", which the app does not have`,
      `it has ${types.join(', ') || 'none'}; add a line to its Procfile`,
    )
}
