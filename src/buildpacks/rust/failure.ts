/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /(?:lock file .* needs to be updated|cannot (?:update|create) the lock file .*) (?:but|because) --locked was passed/,
    () => 'Cargo.lock does not match Cargo.toml: run `cargo update --workspace`, commit Cargo.lock and push again',
  ],
  [
    /no matching package named `([^`]+)` found/,
    ([, name = '']) => `there is no crate "${name}" in the registry: see how its name is written`,
  ],
  [
    /failed to select a version for the requirement `([^`]+)`/,
    ([, requirement = '']) => `no version of the crate is one that is asked for: ${requirement.replace(' = ', ' ')}`,
  ],
  [
    /rustc ([\d.]+) is not supported by the following packages?:|requires rustc ([\d.]+) or newer, while the currently active rustc version is ([\d.]+)/,
    ([, has, wanted = '', active = '']) =>
      has === undefined
        ? `a package wants Rust ${wanted}, and the newest that could be had is ${active}: lower \`rust-version\`, or take an older version of the package`
        : `packages want a newer Rust than ${has}, which is the newest that could be had: take older versions of them, by \`cargo update --precise\``,
  ],
  [
    /can't find crate for `(?:core|std)`|the `([\w-]+)` target may not be installed/,
    ([, target]) =>
      `Rust's library for ${target ?? 'another target'} is not there: the build is for this server alone; write a Dockerfile for others`,
  ],
  [
    /set `DATABASE_URL` to use query macros online|`SQLX_OFFLINE=true` but there is no cached data/,
    () =>
      'sqlx checks its queries against a database, and a build has none: run `cargo sqlx prepare --workspace`, commit .sqlx and push again',
  ],
  [
    /system library `([^`]+)` required by crate `([^`]+)` was not found|Could not find directory of (OpenSSL) installation/,
    ([, library, crate, ssl = '']) =>
      `${crate ?? 'openssl-sys'} wants the library ${library ?? ssl}, which is not there: write a Dockerfile that installs it`,
  ],
  [/Unable to find libclang/, () => 'a crate wants clang, which is not there: write a Dockerfile that installs it'],
  [
    /error: linker `([^`]+)` not found/,
    ([, linker = '']) => `the linker ${linker} is not there: see .cargo/config.toml`,
  ],
  [
    /process didn't exit successfully: `[^`]*rustc[^`]*` \(signal: 9/,
    () =>
      'the compiler was ended: the build takes more memory than there is; `CARGO_BUILD_JOBS=1` as a config var takes less',
  ],
]

/** Why a Rust build failed; null where its last lines do not tell. */
export function rustReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return compilerError(lines)
}

/** The first error of the compiler, and where it is: `error[E0425]: …`, then `--> src/main.rs:3:5`. */
function compilerError(lines: readonly string[]): string | null {
  const at = lines.findIndex((line) => /^error(?:\[E\d+\])?: (?!could not compile|aborting)/.test(line.trim()))
  if (at < 0) return null
  const words = (lines[at] ?? '').trim().replace(/^error(?:\[E\d+\])?: /, '')
  const place = lines.slice(at, at + 4).flatMap((line) => /^\s*--> (\S+:\d+:\d+)/.exec(line)?.[1] ?? [])[0]
  return place === undefined ? null : `it does not compile: ${place}: ${words}`
}
