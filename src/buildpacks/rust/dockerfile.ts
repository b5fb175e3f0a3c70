import type { CargoPackage } from './package.js'
import { rustImage } from './version.js'
import { home, programImage } from '../image-lines.js'

/** What a Rust app's Dockerfile is made of. */
export interface RustParts {
  readonly version: string
  readonly packages: readonly CargoPackage[]
  /** Whether there is a Cargo.lock, which nothing is to differ from. */
  readonly locked: boolean
  /** Debian's packages for the build, and for what runs. */
  readonly debian: { readonly build: readonly string[]; readonly run: readonly string[] }
  /** Variables of the build. */
  readonly environment: Readonly<Record<string, string>>
  /** Whether the app's own .cargo/config.toml builds for another machine than this. */
  readonly cross: boolean
  /** Whether what runs looks for its programs where Cargo puts them. */
  readonly targetPaths: boolean
  /** Variables of what runs. */
  readonly runs: Readonly<Record<string, string>>
  readonly command: string | null
}

const caches = [
  '--mount=type=cache,target=/usr/local/cargo/registry',
  '--mount=type=cache,target=/usr/local/cargo/git',
  `--mount=type=cache,target=${home}/target,sharing=locked`,
].join(' ')

/**
 * Cargo goes by times, and a file of a build context has none to go by: what it compiled before would be taken for new, or
 * for old. So the time of every file is the same, but of those that differ from what the last build that succeeded was made
 * of, and of what changed in those that failed since.
 */
const times = [
  'export LC_ALL=C && find . -path ./target -prune -o -type f -exec sha256sum {} + | sort > /tmp/files && touch target/.files',
  " && comm -3 target/.files /tmp/files | sed 's/^\\t*.\\{66\\}//;p;s,/[^/]*$,,' >> target/.changed",
  ' && find . -path ./target -prune -o -exec touch -h -d @1 {} +',
  " && sort -u target/.changed | xargs -r -d '\\n' touch -c",
]

/** No file but those of the app that are not Rust goes into the image: templates, migrations, static files. */
const leave =
  "\\( -path ./target -o -path ./vendor -o -path ./.cargo \\) -prune -o -type f ! -name '*.rs' ! -name Cargo.toml ! -name Cargo.lock"

/**
 * One step fetches and compiles: what is there of both is kept in caches, so that a changed line compiles its package alone
 * and asks no registry. The image has the programs and what is not Rust of the tree.
 */
export function dockerfileOf(parts: RustParts): string {
  const { packages, locked, debian } = parts
  const all = packages.flatMap(({ programs }) => programs)
  const flags = [
    '--release',
    ...(locked ? ['--locked'] : []),
    ...packages.flatMap(({ name }) => ['--package', name]),
    ...all.flatMap((program) => ['--bin', program]),
  ]
  const made = parts.cross ? 'target/$CARGO_BUILD_TARGET/release' : 'target/release'
  return [
    `FROM ${rustImage(parts.version)} AS build`,
    ...(debian.build.length > 0
      ? [`RUN apt-get update -q && apt-get install -qy --no-install-recommends ${debian.build.join(' ')}`]
      : []),
    `ENV CARGO_TERM_PROGRESS_WHEN=never CARGO_TARGET_DIR=${home}/target${settings(parts.environment)}`,
    `WORKDIR ${home}`,
    'COPY . .',
    `RUN ${caches} \\`,
    ...times.map((line, index) => ` ${index === 0 ? line : line.trimStart()} \\`),
    ...(parts.cross ? [" && export CARGO_BUILD_TARGET=$(rustc -vV | sed -n 's/^host: //p') \\"] : []),
    ` && cargo build ${flags.join(' ')} \\`,
    ' && mv /tmp/files target/.files && rm target/.changed && mkdir -p /out/bin \\',
    ` && cp ${all.map((program) => `${made}/${program}`).join(' ')} /out/bin/ \\`,
    ` && find . ${leave} -print0 | tar -c --null -T - | tar -x -C /out`,
    ...(parts.targetPaths ? ['RUN mkdir -p /out/target && ln -s ../bin /out/target/release'] : []),
    '',
    ...programImage(parts.command, {
      run:
        debian.run.length === 0
          ? []
          : [
              `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${debian.run.join(' ')} && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*`,
            ],
      env: settings(parts.runs),
    }),
  ].join('\n')
}

const settings = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('')
