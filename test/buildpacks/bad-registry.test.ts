import { expect } from 'chai'
import { reasonOf } from '../../src/buildpacks/reason.js'
import { planOf } from './trees.js'

/** What a person is told where a build says this. */
const told = (buildpack: string, lines: readonly string[]): string | null =>
  reasonOf(buildpack, ['Step 5', ...lines, 'ended with 1'], { error: '', image: planOf({ 'index.html': '' }) })

type Cases = readonly (readonly [tool: string, buildpack: string, lines: readonly string[], reason: string])[]

const locks: Cases = [
  [
    'npm',
    'nodejs',
    ['npm error code EUSAGE', 'npm error Missing: a@1 from lock file'],
    'npm: Missing: a@1 from lock file',
  ],
  ['Yarn', 'nodejs', ['error Your lockfile needs to be updated, but yarn was run with x'], 'Your lockfile needs to be'],
  [
    'Yarn 4',
    'nodejs',
    ['➤ YN0028: │ The lockfile would have been modified by this install'],
    'lockfile would have been',
  ],
  ['pnpm', 'nodejs', [' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with x'], 'pnpm: Cannot install with'],
  ['Bun', 'bun', ['error: lockfile had changes, but lockfile is frozen'], 'lockfile is frozen'],
  ['Deno', 'deno', ['error: The lockfile is out of date. Run x'], 'deno.lock does not match'],
  ['uv', 'python', ['error: The lockfile at `uv.lock` needs to be updated, but x'], 'run `uv lock`'],
  [
    'Poetry',
    'python',
    ['pyproject.toml changed significantly since poetry.lock was last generated.'],
    'run `poetry lock`',
  ],
  ['PDM', 'python', ["[PdmUsageError]: Lock file hash doesn't match pyproject.toml"], 'lock again, commit'],
  ['Pipenv', 'python', ['Your Pipfile.lock (a) is out of date. Expected: (b).'], 'lock again, commit'],
  [
    'Bundler',
    'ruby',
    ["The dependencies in your gemfile changed, but the lockfile can't be updated because frozen mode is set"],
    'Gemfile.lock does not match the Gemfile: run `bundle install`',
  ],
  ['Go', 'go', ['main.go:6:2: missing go.sum entry for module providing package a.b/c; to add:'], 'run `go mod tidy`'],
  [
    'Cargo',
    'rust',
    ['error: the lock file /app/Cargo.lock needs to be updated but --locked was passed'],
    'Cargo.lock does',
  ],
  ['Composer', 'php', ['- Required package "a/b" is not present in the lock file.'], 'composer.lock does not match'],
  ['Mix', 'elixir', ['** (Mix) Your mix.lock is out of date and must be updated'], 'mix.lock does not match'],
  [
    'NuGet',
    'dotnet',
    ['/src/a.csproj : error NU1004: The packages lock file is inconsistent'],
    'packages.lock.json does',
  ],
]

const packages: Cases = [
  ['npm', 'nodejs', ['npm error code E404', 'npm error 404 Not Found - GET https://r.example/nope'], 'r.example/nope'],
  ['Yarn', 'nodejs', ['error Couldn\'t find package "nope" on the "npm" registry.'], 'find package "nope"'],
  ['Yarn 4', 'nodejs', ['➤ YN0035: │ nope@npm:^1: Package not found'], 'nope@npm:^1: Package not found'],
  ['pnpm', 'nodejs', [' ERR_PNPM_FETCH_404  GET https://r.example/nope: Not Found - 404'], 'r.example/nope: Not Found'],
  ['Bun', 'bun', ['error: GET https://r.example/nope - 404'], 'r.example/nope - 404'],
  ['Deno', 'deno', ["error: npm package 'nope' does not exist."], "npm package 'nope' does not exist"],
  [
    'uv',
    'python',
    ['╰─▶ Because nope was not found in the package registry and you require nope'],
    'no package "nope"',
  ],
  ['Bundler', 'ruby', ["Could not find gem 'nope' in rubygems repository https://g.example/ or x"], 'no gem nope'],
  [
    'Go',
    'go',
    ['go: a.b/nope@v1.0.0: reading https://p.example/x.mod: 404 Not Found'],
    'a.b/nope@v1.0.0 cannot be had',
  ],
  ['Cargo', 'rust', ['error: no matching package named `nope` found'], 'no crate "nope"'],
  ['Maven', 'java', ['[ERROR] Could not find artifact a:nope:jar:9 in central (x)'], 'a:nope:jar:9 does not exist'],
  ['Gradle', 'java', ['   > Could not find a:nope:9.'], 'a:nope:9 does not exist'],
  [
    'Composer',
    'php',
    ['- Root composer.json requires a/nope, it could not be found in any version'],
    'no package a/nope',
  ],
  [
    'Composer, of a lock file',
    'php',
    ['The "https://h.example/a/b.zip" file could not be downloaded (HTTP/1.1 404 Not Found)'],
    'h.example does not have what composer.lock names',
  ],
  ['Hex', 'elixir', ['** (Mix) No package with name nope (from: mix.exs) in registry'], 'no Hex package nope'],
  ['NuGet', 'dotnet', ['/src/a.csproj : error NU1101: Unable to find package Nope.'], 'Unable to find package Nope'],
  ['apt-get', 'static', ['E: Unable to locate package nope'], 'Debian has no package nope: correct the Aptfile'],
]

const silent = 'did not answer in time'
const stalls: Cases = [
  [
    'npm',
    'nodejs',
    ['npm error code ETIMEDOUT', 'npm error network request to https://r.example/x failed, reason: connect ETIMEDOUT'],
    'network request to https://r.example/x failed',
  ],
  [
    'Yarn',
    'nodejs',
    ['error An unexpected error occurred: "https://r.example/x: ESOCKETTIMEDOUT".'],
    'ESOCKETTIMEDOUT',
  ],
  [
    'pnpm',
    'nodejs',
    [' ERR_PNPM_META_FETCH_FAIL  GET https://r.example/x: reason: network timeout'],
    'network timeout',
  ],
  [
    'uv',
    'python',
    [
      '× Failed to fetch: `https://p.example/simple/flask/`',
      '├─▶ Request failed after 3 retries',
      '╰─▶ operation timed out',
    ],
    `p.example ${silent}`,
  ],
  [
    'uv, of a wheel',
    'python',
    ['error: Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT'],
    `a registry ${silent}`,
  ],
  [
    'pip',
    'python',
    [
      "WARNING: Retrying after connection broken by 'ReadTimeoutError(\"HTTPSConnectionPool(host='p.example', port=443)\")'",
    ],
    `p.example ${silent}`,
  ],
  [
    'Bundler',
    'ruby',
    ['Net::OpenTimeout: Failed to open TCP connection to g.example:443 (execution expired)'],
    `g.example ${silent}`,
  ],
  [
    'Go',
    'go',
    ['go: a@v1.0.0: Get "https://p.example/a.mod": dial tcp 192.0.2.1:443: i/o timeout'],
    `p.example ${silent}`,
  ],
  [
    'Go, by TLS',
    'go',
    ['go: a@v1.0.0: Get "https://p.example/a.mod": net/http: TLS handshake timeout'],
    `p.example ${silent}`,
  ],
  [
    'Cargo',
    'rust',
    [
      'error: failed to download from `https://c.example/x/download`',
      'Caused by:',
      '[28] Timeout was reached (Operation too slow. Less than 10 bytes/sec)',
    ],
    `c.example ${silent}`,
  ],
  [
    'Maven',
    'java',
    ['[ERROR] Could not transfer artifact a:b:pom:1 from/to central (https://m.example/x): Read timed out'],
    'a:b:pom:1 could not be fetched: Read timed out',
  ],
  [
    'Composer',
    'php',
    ['curl error 28 while downloading https://c.example/p.zip: Operation timed out'],
    'c.example cannot be',
  ],
  [
    'Hex',
    'elixir',
    ['Failed to fetch record for nope from registry', '{:failed_connect, :etimedout}'],
    'Hex package server',
  ],
  [
    'Deno',
    'deno',
    ["error: Import 'https://x.example/a.ts' failed: operation timed out"],
    'https://x.example/a.ts cannot',
  ],
]

describe('a build that has not got what it needs', () => {
  for (const [what, cases] of Object.entries({
    'a lock file that does not match': locks,
    'a package that does not exist': packages,
    'a registry that stalls': stalls,
  }))
    describe(`for ${what}`, () => {
      for (const [tool, buildpack, lines, reason] of cases)
        it(`is told so by ${tool}`, () => expect(told(buildpack, lines)).to.include(reason))
    })

  it('is not told of a registry where nothing says that one was silent', () =>
    expect(told('python', ['see https://p.example/timeouts', 'it is all well'])).to.equal(null))
})
