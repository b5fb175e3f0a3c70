import { minVersion, lt, validRange } from 'semver'
import { declaredDependencies, type PackageJson } from './package-json.js'

/** What packages need that npm does not bring. */
export interface Native {
  /** Debian packages where it is installed and built. */
  readonly build: readonly string[]
  /** Debian packages where it runs. */
  readonly run: readonly string[]
  /** Whether something is compiled, against the headers of Node.js. */
  readonly compiles: boolean
  readonly buildEnv: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

interface Need {
  /** From this version on it brings all that it needs. */
  readonly until?: string
  readonly compiles?: boolean
  readonly build?: string
  readonly run?: string
  readonly buildEnv?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

const compiles = { compiles: true }
const chromium = { PUPPETEER_EXECUTABLE_PATH: '/usr/bin/chromium' }

/**
 * By package. What is compiled is downloaded ready-made first where its author's host can be reached, and from there no
 * compiler is used.
 */
const needs: Readonly<Record<string, Need>> = {
  'better-sqlite3': compiles,
  sqlite3: compiles,
  bcrypt: { ...compiles, until: '6.0.0' },
  argon2: { ...compiles, until: '0.40.0' },
  canvas: {
    ...compiles,
    build: 'pkg-config libcairo2-dev libpango1.0-dev libjpeg62-turbo-dev libgif-dev librsvg2-dev libpixman-1-dev',
    run: 'libcairo2 libpango-1.0-0 libpangocairo-1.0-0 libjpeg62-turbo libgif7 librsvg2-2 libpixman-1-0 fonts-dejavu-core',
  },
  'node-pty': compiles,
  'node-sass': compiles,
  'isolated-vm': compiles,
  re2: compiles,
  'node-rdkafka': compiles,
  leveldown: compiles,
  zeromq: { ...compiles, until: '6.0.0' },
  kerberos: { ...compiles, build: 'libkrb5-dev', run: 'libgssapi-krb5-2' },
  odbc: { ...compiles, build: 'unixodbc-dev', run: 'unixodbc' },
  libpq: { ...compiles, build: 'libpq-dev', run: 'libpq5' },
  'pg-native': { ...compiles, build: 'libpq-dev', run: 'libpq5' },
  libxmljs: compiles,
  libxmljs2: compiles,
  sharp: { ...compiles, until: '0.33.0', build: 'libvips-dev', run: 'libvips42' },
  prisma: { build: 'openssl ca-certificates', run: 'openssl ca-certificates' },
  '@prisma/client': { build: 'openssl ca-certificates', run: 'openssl ca-certificates' },
  puppeteer: { run: 'chromium fonts-dejavu-core', buildEnv: { PUPPETEER_SKIP_DOWNLOAD: '1' }, env: chromium },
  'puppeteer-core': { run: 'chromium fonts-dejavu-core', env: chromium },
  playwright: { buildEnv: { PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' } },
  cypress: { buildEnv: { CYPRESS_INSTALL_BINARY: '0' } },
  electron: { buildEnv: { ELECTRON_SKIP_BINARY_DOWNLOAD: '1' } },
}

/** What python3, make and a compiler are called. */
const compilers = ['python3', 'make', 'g++']

/**
 * What the dependencies of an app need of Debian and of the environment.
 * @param lock text of the lock file, which names those that others depend on too
 */
export function nativeOf(packages: readonly PackageJson[], lock: string): Native {
  const declared = new Map(packages.flatMap(declaredDependencies))
  const found = Object.entries(needs).flatMap(([name, need]) => {
    const range = declared.get(name)
    if (range === undefined) return need.compiles === true && need.until === undefined && isIn(lock, name) ? [need] : []
    return isBefore(range, need.until) ? [need] : []
  })
  const words = (all: readonly (string | undefined)[]): string[] => [
    ...new Set(all.flatMap((one) => one?.split(' ') ?? [])),
  ]
  const any = found.some((need) => need.compiles)
  return {
    build: [...(any ? compilers : []), ...words(found.map(({ build }) => build))],
    run: words(found.map(({ run }) => run)),
    compiles: any,
    buildEnv: Object.assign({}, ...found.map(({ buildEnv }) => buildEnv)) as Record<string, string>,
    env: Object.assign({}, ...found.map(({ env }) => env)) as Record<string, string>,
  }
}

/** Whether a lock file names a package: `node_modules/x"`, `x@^1`, `/x@1`. */
const isIn = (lock: string, name: string): boolean =>
  [`node_modules/${name}"`, `\n${name}@`, `\n"${name}@`, ` ${name}@`, `'${name}@`, `/${name}@`, `"${name}": [`].some(
    (way) => lock.includes(way),
  )

const isBefore = (range: string, until: string | undefined): boolean => {
  if (until === undefined) return true
  const first = range.length < 100 && validRange(range) !== null ? minVersion(range) : null
  return first !== null && lt(first, until)
}
