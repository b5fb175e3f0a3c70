import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { parsePackageJson } from '../node/package-json.js'
import { runtimeInstalled, runtimeStage, runtimeVersion, versionIn, type NpmRuntime } from '../npm-runtime.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import { toolPins } from '../tool-versions.js'
import { siteDirectory } from '../site.js'
import type { Tree } from '../tree.js'
import { readDenoJson, taskLine, type DenoJson } from './deno-json.js'
import { denoReason } from './failure.js'
import { denoStart, entryOf, isDenoProgram } from './start.js'
import { commandLines, home } from '../image-lines.js'

const ignored = ['.git', '**/node_modules']
const runtime: NpmRuntime = {
  name: 'deno',
  title: 'Deno',
  major: '2',
  range: '>=1.46.0',
  program: 'deno/node_modules/@deno/*/deno',
}

/** A Deno app: a deno.json, a deno.lock, or a program that is plainly for Deno where nothing else says what the tree is. */
export const deno: Buildpack = {
  name: 'deno',
  takes: 'a Deno app (deno.json)',
  landmark: 'deno.json',
  plan,
  failure: denoReason,
}

/** Whether a tree without a Procfile is a Deno app. */
function choosesDeno(tree: Tree): boolean {
  if (['deno.json', 'deno.jsonc', 'deno.lock'].some((file) => tree.hasFile(file)))
    return !tree.hasFile('package.json') || startsDeno(tree)
  return !tree.hasFile('package.json') && siteDirectory(tree) !== '.' && isDenoProgram(tree)
}

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const lines = Object.values(declared)
  const runsDeno = lines.some((line) => /(?:^|\s)deno\s/.test(line))
  if (declares ? !runsDeno : !choosesDeno(tree)) return null
  const config = readDenoJson(tree)
  const start = declares ? null : denoStart(tree, config)
  if (start === null && !declares)
    throw new BerthError(
      'invalid',
      `this is a Deno app (${config.file ?? 'deno.lock'}), but nothing says how to start it`,
      'add a "start" task to deno.json, a main.ts, or a `web:` line to a Procfile',
    )
  const version = runtimeVersion(runtime, [
    ['DENO_VERSION', variables.DENO_VERSION],
    ['.deno-version', versionIn(tree, '.deno-version')],
    ['.dvmrc', versionIn(tree, '.dvmrc')],
    ...toolPins(tree, 'deno'),
  ])
  const command = declared.web ?? start?.command ?? null
  const locked = tree.hasFile('deno.lock')
  return {
    buildpack: 'deno',
    name: 'Deno',
    found: 'Deno app',
    version,
    dockerfile: dockerfileOf(tree, {
      config,
      version,
      locked,
      entries: [
        ...new Set(declares ? lines.map((line) => entryOf(tree, config, line)) : [start?.entry ?? null]),
      ].filter((entry) => entry !== null),
      command,
    }),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: {
      ...(command === null ? {} : { web: command }),
      ...declared,
    },
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [
      ...(start?.notes ?? []),
      ...(locked ? [] : ['no deno.lock: versions may differ at each build; run `deno install`, and commit it']),
    ],
  }
}

/** Whether the start script of a package.json is Deno's to run. */
const startsDeno = (tree: Tree): boolean =>
  /^(?:\w+=\S+\s+)*deno\s/.test(parsePackageJson(tree.read('package.json') ?? '').scripts.start ?? '')

interface Parts {
  readonly config: DenoJson
  readonly version: string
  readonly locked: boolean
  readonly entries: readonly string[]
  readonly command: string | null
}

/**
 * What deno.json names is fetched before the code is there; what the code alone names, after. It stays in the image: Deno
 * reads modules from its cache at each start.
 */
function dockerfileOf(tree: Tree, { config, version, locked, entries, command }: Parts): string {
  const build = taskLine(config, 'build')
  return [
    ...runtimeStage(runtime, version),
    'FROM debian:bookworm-slim',
    ...runtimeInstalled(runtime),
    'RUN install -d -o app -g app /deno',
    `ENV DENO_DIR=/deno DENO_NO_UPDATE_CHECK=1 DENO_NO_PROMPT=1 NO_COLOR=1 HOME=${home}`,
    `WORKDIR ${home}`,
    'USER app',
    ...fetchedFirst(tree, config, version),
    'COPY --chown=app:app . .',
    ...(build === null ? [] : ['RUN deno task build']),
    ...(entries.length === 0
      ? []
      : [
          `RUN deno cache${isFirst(version) ? '' : ' --allow-import'}${locked ? ' --frozen' : ''} ${entries.join(' ')}`,
        ]),
    ...commandLines(command),
    '',
  ].join('\n')
}

const isFirst = (version: string): boolean => /^[^\d]*1(?:\.|$)/.test(version)

/** Before version 2 there is no such command, and what is vendored is in the tree. */
function fetchedFirst(tree: Tree, config: DenoJson, version: string): string[] {
  const whole = config.workspace !== undefined || config.vendor === true || isFirst(version)
  const map = config.importMap?.replace(/^\.\//, '')
  const files = [config.file, 'deno.lock', 'package.json', '.npmrc'].filter(
    (file) => file !== null && tree.hasFile(file),
  )
  if (whole || (Object.keys(config.imports).length === 0 && !tree.hasFile('package.json'))) return []
  if (map !== undefined && (!/^[\w.-]+$/.test(map) || !tree.hasFile(map))) return []
  return [`COPY --chown=app:app ${[...files, ...(map === undefined ? [] : [map])].join(' ')} ./`, 'RUN deno install']
}
