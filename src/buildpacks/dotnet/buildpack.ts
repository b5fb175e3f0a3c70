import { posix } from 'node:path'
import type { Buildpack, Plan } from '../buildpack.js'
import { parseJson } from '../json.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { dotnetReason } from './failure.js'
import { processPrograms, readDotnet, type DotnetProject, type DotnetTree } from './projects.js'
import { commandLines, home } from '../image-lines.js'

/** A .NET app: a project or a solution at the top. */
export const dotnet: Buildpack = {
  name: 'dotnet',
  takes: 'a .NET app (*.csproj, *.sln)',
  landmark: 'global.json',
  plan,
  failure: dotnetReason,
}

function plan(tree: Tree): Plan | null {
  const found = readDotnet(tree)
  if (found === null) return null
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const types = declares ? declared : { ...commandsOf(processPrograms(found.programs)), ...declared }
  const newest = (versions: readonly string[]): string =>
    versions.toSorted((one, other) => Number(one) - Number(other)).at(-1) ?? '8.0'
  const framework = newest(found.programs.map((one) => one.framework))
  const sdk = newest([framework, ...pinnedSdk(tree)])
  return {
    buildpack: 'dotnet',
    name: '.NET',
    found: '.NET app',
    version: framework,
    dockerfile: dockerfileOf(found, { sdk, framework, command: types.web ?? null }),
    ownDockerfile: false,
    dockerignore: ['.git', '**/bin', '**/obj', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [],
  }
}

/** The .NET of the SDK that global.json names: `8.0` of `8.0.204`. */
function pinnedSdk(tree: Tree): string[] {
  const text = tree.read('global.json')
  if (text === null) return []
  const { sdk } = parseJson('global.json', text) as { sdk?: { version?: unknown } }
  const version = typeof sdk?.version === 'string' ? /^(\d{1,2}\.\d)\./.exec(sdk.version)?.[1] : undefined
  return version === undefined ? [] : [version]
}

const commandsOf = (programs: Readonly<Record<string, DotnetProject>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(programs).map(([type, { name, isWeb }]) => [
      type,
      `cd ${quoted(name)} && ${isWeb ? 'ASPNETCORE_URLS=http://0.0.0.0:$PORT ' : ''}exec dotnet ${quoted(`${name}.dll`)}`,
    ]),
  )

const quoted = (text: string): string => (/^[\w./+-]+$/.test(text) ? text : `'${text}'`)

interface Parts {
  readonly sdk: string
  readonly framework: string
  readonly command: string | null
}

/** Packages are restored before the code is there. Each program lies in a folder of its own: it looks for its settings there. */
function dockerfileOf({ programs, manifests, locked }: DotnetTree, { sdk, framework, command }: Parts): string {
  const mount = 'RUN --mount=type=cache,target=/root/.nuget/packages'
  const restores = programs.map(({ file }) => `dotnet restore ${quoted(file)}${locked ? ' --locked-mode' : ''}`)
  const publishes = programs.map(
    ({ file, name }) => `dotnet publish ${quoted(file)} --no-restore -c Release -o ${quoted(`/out/${name}`)}`,
  )
  const base = programs.some(({ isWeb }) => isWeb) ? 'aspnet' : 'runtime'
  return [
    `FROM dotnet/sdk:${sdk} AS build`,
    'ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 NUGET_XMLDOC_MODE=skip',
    'WORKDIR /src',
    ...manifests.map((file) => `COPY ${JSON.stringify([file, posix.join('./', posix.dirname(file), '/')])}`),
    `${mount} ${restores.join(' && ')}`,
    'COPY . .',
    `${mount} ${publishes.join(' && ')}`,
    '',
    `FROM dotnet/${base}:${framework}`,
    `RUN (id app || useradd --home-dir ${home} --shell /bin/bash app) && mkdir -p ${home} && chown app ${home}`,
    `ENV HOME=${home} DOTNET_EnableDiagnostics=0`,
    `WORKDIR ${home}`,
    `COPY --from=build --chown=app /out ${home}`,
    'USER app',
    ...commandLines(command),
    '',
  ].join('\n')
}
