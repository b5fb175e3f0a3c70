import { createHash, randomUUID } from 'node:crypto'
import { access, link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineConfig } from '../config.js'
import type { Mount } from '../records.js'
import { javaTrustStore } from './java-trust.js'

/** The host's certificate authorities, those its owner added included. */
const hostBundle = '/etc/ssl/certs/ca-certificates.crt'

/** On the step's own /dev, so that mounting leaves nothing in the layer. */
const place = '/dev/berth'
const bundle = `${place}/ca-certificates.crt`
const trustStore = `${place}/ca-certificates.jks`

/** What programs read the path of a bundle from. */
const bundleVariables = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'GIT_SSL_CAINFO',
  'NPM_CONFIG_CAFILE',
  'CARGO_HTTP_CAINFO',
  'BUNDLE_SSL_CA_CERT',
  'AWS_CA_BUNDLE',
  'DENO_CERT',
]

/**
 * Settings that clients take from a file alone: the variable that holds its text, in base64, and where the client looks.
 * Cargo looks in every directory above the crate; Maven is told where by `MAVEN_ARGS`.
 */
const clientFiles: Readonly<
  Record<string, { readonly path: string; readonly env?: Readonly<Record<string, string>> }>
> = {
  BERTH_CARGO_CONFIG: { path: '/.cargo/config.toml' },
  BERTH_MAVEN_SETTINGS: { path: `${place}/maven-settings.xml`, env: { MAVEN_ARGS: `-s ${place}/maven-settings.xml` } },
}

/** Tools on Java, which has no variable of its own for it that it would not tell of in every step. */
const javaVariables = ['MAVEN_OPTS', 'GRADLE_OPTS', 'SBT_OPTS']

/** What a build borrows of the host: it is around every RUN step, and in no image, history, layer or cache key. */
export interface BuildEnvironment {
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly Mount[]
}

/** Where files that are laid into steps are kept; an engine that starts has none. */
export const laidFilesOf = ({ root }: Pick<EngineConfig, 'root'>): string => join(root, 'build', 'laid')

/** @param directory where the files that it lays into steps are kept */
export async function buildEnvironment(
  config: Pick<EngineConfig, 'buildEnv'>,
  directory: string,
): Promise<BuildEnvironment> {
  const env: Record<string, string> = {}
  const mounts: Mount[] = []
  const lay = async (name: string, target: string, content: string | Buffer): Promise<void> => {
    // another step may be mounting it, which the kernel refuses once its name leads to another file
    const source = join(directory, `${name}.${createHash('sha256').update(content).digest('hex').slice(0, 16)}`)
    if (!(await there(source))) await appear(source, content)
    mounts.push(bind(source, target))
  }
  if (await there(hostBundle)) {
    mounts.push(bind(hostBundle, bundle))
    await lay('apt.conf', `${place}/apt.conf`, `Acquire::https::CAInfo "${bundle}";\n`)
    for (const name of bundleVariables) env[name] = bundle
    env.APT_CONFIG = `${place}/apt.conf`
    await lay('ca-certificates.jks', trustStore, trustStoreOf(await readFile(hostBundle, 'utf8')))
    for (const name of javaVariables) env[name] = `-Djavax.net.ssl.trustStore=${trustStore}`
  }
  for (const [name, value] of Object.entries(config.buildEnv)) {
    const file = clientFiles[name]
    if (file === undefined) env[name] = value
    else {
      await lay(name, file.path, Buffer.from(value, 'base64'))
      for (const [variable, argument] of Object.entries(file.env ?? {}))
        env[variable] = env[variable] === undefined ? argument : `${env[variable]} ${argument}`
    }
  }
  return { env, mounts }
}

let made: { readonly of: string; readonly store: Buffer } | undefined

/** Every step asks for it, and it changes with the host's authorities alone. */
function trustStoreOf(authorities: string): Buffer {
  if (made?.of !== authorities) made = { of: authorities, store: javaTrustStore(authorities) }
  return made.store
}

/** Whole from the first, and once: whoever comes second leaves it as it is. */
async function appear(path: string, content: string | Buffer): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, content, { mode: 0o644 })
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
}

const bind = (source: string, target: string): Mount => ({ type: 'bind', source, target, options: ['bind', 'ro'] })

const there = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
