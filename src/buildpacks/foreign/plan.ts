import type { Plan } from '../buildpack.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { fetchBuildpack, place, readRelease, runBuildpack, typesFile, withProfile } from './scripts.js'
import { fileLine, home, imageCommand } from '../image-lines.js'

/** A buildpack of Heroku's kind: a folder of the tree, or a repository. */
export type Foreign =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'repository'; readonly url: string; readonly ref: string | null }

/** Some that follow one another, and where they stand. */
export interface ForeignOrder {
  readonly tree: Tree
  readonly buildpacks: readonly Foreign[]
  /** The stage before them, whose programs they may call; null when they are the first. */
  readonly previous: string | null
  readonly last: boolean
}

/** What such buildpacks take to be there, and what reads the YAML that they write. */
const tools =
  'bzip2 ca-certificates curl file g++ git gnupg jq libc6-dev make patch perl python3 python3-yaml unzip xz-utils zip zstd'
const user = `RUN getent passwd 1000 >/dev/null || { groupadd --gid 1000 app && useradd --uid 1000 --gid app --home-dir ${home} --shell /bin/bash app; } && mkdir -p ${home} && chown 1000:1000 ${home}`

const script = (name: string, text: string): string => fileLine(`/usr/local/bin/${name}`, text)

/**
 * What has the processes of an image read the profile first: for the last stage, wherever the buildpacks stand.
 * @param entrypoint what starts them otherwise, of the plan whose image it is
 */
export const profileLines = (entrypoint: readonly string[]): string[] => [
  script('with-profile', withProfile),
  `ENTRYPOINT ${JSON.stringify(['/usr/local/bin/with-profile', ...entrypoint])}`,
]

/** For engines that know of no Procfile. */
const typesCommand = ['/bin/bash', '-c', `eval "exec $(sed -n 's/^web: //p' ${typesFile})"`]

/**
 * The plan of buildpacks that are not Berth's own. They change the app where it lies, as a user without rights, in a stage
 * that has compilers and the like; the image has what the app's folder has then. What runs they say at the end alone.
 */
export function foreignPlan({ tree, buildpacks, previous, last }: ForeignOrder): Plan {
  const declared = last ? declaredTypes(tree) : {}
  const declares = saysWhatRuns(declared)
  const numbered = buildpacks.map((buildpack, index) => ({ buildpack, number: String(index + 1) }))
  const command = declares ? (declared.web === undefined ? null : imageCommand(declared.web)) : typesCommand
  const names = buildpacks.map(nameOf).join(', ')
  return {
    buildpack: 'foreign',
    name: names,
    found: `App for ${names}`,
    version: '',
    dockerfile: [
      `FROM ${previous ?? 'debian:bookworm-slim'} AS build`,
      ...(previous === null ? [] : ['USER root']),
      `RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ${tools} && rm -rf /var/lib/apt/lists/*`,
      user,
      `RUN install -d -o 1000 -g 1000 ${place}`,
      ...(buildpacks.some(({ kind }) => kind === 'repository') ? [script('fetch-buildpack', fetchBuildpack)] : []),
      script('run-buildpack', runBuildpack),
      script('read-release', readRelease),
      `ENV HOME=${home} STACK=heroku-24 CURL_CONNECT_TIMEOUT=30 CURL_TIMEOUT=180`,
      `WORKDIR ${home}`,
      'USER 1000:1000',
      ...numbered.flatMap(({ buildpack, number }) => fetched(buildpack, number)),
      'COPY --chown=1000:1000 . .',
      ...numbered.map(
        ({ buildpack, number }) =>
          `RUN --mount=type=cache,target=/cache,uid=1000,gid=1000 ${['run-buildpack', number, nameOf(buildpack), ...(buildpack.kind === 'folder' ? [buildpack.path] : [])].join(' ')}`,
      ),
      '',
      `FROM ${previous ?? 'debian:bookworm-slim'}`,
      ...(previous === null ? [user, certificates] : []),
      `ENV HOME=${home}`,
      `WORKDIR ${home}`,
      'USER 1000:1000',
      `COPY --from=build --chown=1000:1000 ${home} ${home}`,
      `COPY --from=build ${place}/Procfile ${typesFile}`,
      ...(command === null ? [] : [`CMD ${JSON.stringify(command)}`]),
      '',
    ].join('\n'),
    ownDockerfile: false,
    dockerignore: ['.git', tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: declared,
    ...(last && !declares ? { typesFile } : {}),
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [],
  }
}

const certificates = 'COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt'

const nameOf = (buildpack: Foreign): string =>
  buildpack.kind === 'folder'
    ? `./${buildpack.path}`
    : `${buildpack.url}${buildpack.ref === null ? '' : `#${buildpack.ref}`}`

const fetched = (buildpack: Foreign, number: string): string[] =>
  buildpack.kind === 'folder'
    ? []
    : [`RUN fetch-buildpack ${number} ${buildpack.url}${buildpack.ref === null ? '' : ` ${buildpack.ref}`}`]
