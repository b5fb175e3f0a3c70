import { satisfies, validRange } from 'semver'
import { BerthError } from '../errors.js'
import type { Tree } from './tree.js'
import { addUser } from './image-lines.js'

/** A runtime that npm has as a package of one program. */
export interface NpmRuntime {
  /** Of the package and of the program. */
  readonly name: 'bun' | 'deno'
  /** For a message: "Deno". */
  readonly title: string
  /** The major that is taken where nothing is asked for. */
  readonly major: string
  /** The versions that npm has for Linux. */
  readonly range: string
  /** Where the program itself lies once npm has installed the package: it is a script there, or a link. */
  readonly program: string
}

/** Longer than any range that somebody meant. */
const longest = 100

/**
 * The version for an app as npm takes one: what the first of some places says, else the runtime's usual major.
 * @param asked place -> what stands there
 * @throws BerthError `invalid` for what is no version, or none that npm has
 */
export function runtimeVersion(runtime: NpmRuntime, asked: readonly (readonly [string, string | undefined])[]): string {
  const { title, major, range } = runtime
  const [place, text] = asked.find(([, said]) => said !== undefined && said !== '') ?? ['', major]
  const wanted = (text ?? major).replace(/^(?:v|bun-v|bun@|deno@)(?=\d)/, '').replace(/\s+/g, ' ')
  if (/^(?:latest|stable|lts)$/i.test(wanted)) return major
  const known = wanted.length <= longest && validRange(wanted) !== null
  const exact = /^\d+\.\d+\.\d+/.test(wanted)
  if (!known || (exact && !satisfies(wanted, range)))
    throw new BerthError(
      'invalid',
      `${place}: "${wanted.slice(0, 40)}" is no version of ${title}${known ? ' that npm has for Linux' : ''}`,
      `write one such as ${major}, or an exact one; there are ${range}`,
    )
  return wanted
}

/** The first line of a file that says a version; undefined without the file. */
export const versionIn = (tree: Tree, file: string): string | undefined => tree.read(file)?.split(/\r?\n/, 1)[0]?.trim()

/** The stage, by the name of `runtime`, in which npm fetches a runtime: exactly what it has, by its own settings. */
export function runtimeStage({ name, program }: NpmRuntime, version: string): string[] {
  const spec = /[^\w.@/-]/.test(version) ? `'${name}@${version}'` : `${name}@${version}`
  return [
    'FROM node:24-bookworm-slim AS runtime',
    `RUN --mount=type=cache,target=/root/.npm npm install --global --no-audit --no-fund --no-update-notifier --loglevel=error ${spec} \\`,
    ` && cp -L /usr/local/lib/node_modules/${program} /usr/bin/${name} && ${name} --version`,
    '',
  ]
}

/** What puts it, and a user for the app, into an image of Debian. */
export const runtimeInstalled = ({ name }: NpmRuntime): string[] => [
  `RUN ${addUser}`,
  'COPY --from=runtime /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
  `COPY --from=runtime /usr/bin/${name} /usr/local/bin/${name}`,
]
