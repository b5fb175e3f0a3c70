import { BerthError } from '../../errors.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { goPackages, installed, processTypes, type GoCommand } from './commands.js'
import { goReason } from './failure.js'
import { goPath, goPathNote, type GoPath } from './gopath.js'
import { readGoMod, type GoMod } from './go-mod.js'
import { readGoWork, type GoWork } from './go-work.js'
import { goImage, goVersion } from './version.js'
import { home, programImage } from '../image-lines.js'

const ignored = ['.git', 'node_modules', '*.test']
const caches = '--mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build'

/** Modules that are C inside: they are built with a C compiler, and linked with the C library of the image. */
const cgo =
  /^github\.com\/(?:mattn\/go-sqlite3|confluentinc\/confluent-kafka-go.*|marcboeker\/go-duckdb.*|duckdb\/duckdb-go.*|tecbot\/gorocksdb|linxGnu\/grocksdb|shogo82148\/go-mecab)$/

/** A Go app: a go.mod at the top, or a program without one. */
export const golang: Buildpack = {
  name: 'go',
  takes: 'a Go app (go.mod)',
  landmark: 'go.mod',
  plan,
  failure: goReason,
}

/** What a Procfile calls a program that has no name of its own, with arguments or without: `web` of `bin/web -v`. */
const calledIn = (declared: Readonly<Record<string, string>>): string | undefined =>
  Object.values(declared)
    .flatMap((line) => /^(?:\.?\/?bin\/|\.\/)?([a-z][\w-]*)(?:\s|$)/.exec(line)?.[1] ?? [])
    .find((name) => !/^(?:bash|cd|env|exec|go|nohup|sh|sleep|test|time)$/.test(name))

const unpinned =
  'no go.mod: versions may differ at each build; run `go mod init` and `go mod tidy`, and commit both files'

function plan(tree: Tree): Plan | null {
  const isModule = tree.hasFile('go.mod')
  const work = readGoWork(tree)
  const isWorkspace = work !== null
  const old = isModule || isWorkspace ? null : goPath(tree)
  const loose = tree.names().some((name) => name.endsWith('.go') && name !== 'doc.go')
  if (!isModule && !isWorkspace && old === null && !loose) return null
  const declared = declaredTypes(tree)
  if (/^(?:node|npm|npx|yarn|pnpm|python3?|gunicorn|bundle)\s/.test(declared.web ?? '')) return null
  const mod = isModule ? readGoMod(tree) : null
  const module = mod?.module ?? old?.importPath ?? calledIn(declared) ?? 'app'
  const packages = goPackages(tree, module)
  const commands = installed(packages.commands, mod?.heroku.install)
  const mods = [...(mod === null ? [] : [mod]), ...(work?.mods ?? [])]
  const linked = packages.linksC || mods.some(({ requires }) => requires.some((name) => cgo.test(name)))
  if (!isModule && !isWorkspace && commands.length === 0) return null
  const declares = saysWhatRuns(declared)
  const types = declares && commands.length > 0 ? declared : { ...processTypes(commands, module), ...declared }
  const { version, notes } = goVersion(tree, mod, work)
  const vendored = tree.hasFile('vendor/modules.txt')
  if (mod !== null && mod.requires.length > 0 && !vendored && !tree.hasFile('go.sum'))
    throw new BerthError(
      'invalid',
      'go.mod asks for modules, and there is no go.sum',
      'run `go mod tidy`, and commit go.sum',
    )
  return {
    buildpack: 'go',
    name: 'Go',
    found: 'Go app',
    version,
    dockerfile: dockerfileOf(tree, { mod, work, old, version, vendored, linked, commands, command: types.web ?? null }),
    ownDockerfile: false,
    dockerignore: [...ignored, tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [...notes, ...(isModule || isWorkspace ? [] : [old === null ? unpinned : goPathNote(old)])],
  }
}

interface Parts {
  readonly mod: GoMod | null
  readonly work: GoWork | null
  readonly old: GoPath | null
  readonly version: string
  readonly vendored: boolean
  /** Whether it is linked with the C library. */
  readonly linked: boolean
  readonly commands: readonly GoCommand[]
  readonly command: string | null
}

/**
 * Modules are fetched before the code is there, and what was compiled before is kept: a changed line compiles its package
 * alone. The image has the programs and what is not Go of the tree: templates, static files.
 */
function dockerfileOf(tree: Tree, { mod, work, old, version, vendored, linked, commands, command }: Parts): string {
  const manifests = ['go.mod', 'go.sum', 'go.work', 'go.work.sum'].filter((file) => tree.hasFile(file))
  const local = [mod, ...(work?.mods ?? [])].flatMap((one) => one?.replaces ?? [])
  const members = [...new Set([...local, ...(work?.directories ?? [])])].flatMap((directory) =>
    ['go.mod', 'go.sum'].map((file) => `${directory}/${file}`).filter((file) => tree.hasFile(file)),
  )
  const fetches = manifests.length > 0 && !vendored && (mod === null || mod.requires.length > 0)
  const packages = commands.map(({ directory }) => (directory === '.' ? '.' : `./${directory}`))
  const root = commands.find(({ directory }) => directory === '.')
  const below = packages.filter((one) => one !== '.')
  const build = `go build -trimpath -buildvcs=false -ldflags "-s -w \${GO_LINKER_SYMBOL:+-X $GO_LINKER_SYMBOL=$GO_LINKER_VALUE} $GO_LDFLAGS"`
  return [
    `FROM ${goImage(version)} AS build`,
    `ENV CGO_ENABLED=${linked ? '1' : '0'} GOTOOLCHAIN=local${old?.vendored === true ? ` GO111MODULE=off GOPATH=${old.paths}` : ''}`,
    `WORKDIR ${old?.vendored === true ? `/go/src/${old.importPath}` : home}`,
    ...(fetches
      ? [
          `COPY ${manifests.join(' ')} ./`,
          ...members.map((file) => `COPY ${file} ./${file}`),
          `RUN ${caches} go mod download`,
        ]
      : []),
    'COPY . .',
    ...(manifests.length === 0 && old?.vendored !== true
      ? [`RUN ${caches} go mod init ${old?.importPath ?? 'app'} && go mod tidy`]
      : []),
    `RUN ${caches} mkdir -p /out/bin \\`,
    ...(root === undefined ? [] : [` && ${build} -o /out/bin/${root.name} . \\`]),
    ...(below.length === 0 ? [] : [` && ${build} -o /out/bin/ ${below.join(' ')} \\`]),
    " && find . -name vendor -prune -o -type f ! -name '*.go' ! -name go.mod ! -name go.sum -print0 | tar -c --null -T - | tar -x -C /out",
    '',
    ...programImage(command, { env: ' GIN_MODE=release' }),
  ].join('\n')
}
