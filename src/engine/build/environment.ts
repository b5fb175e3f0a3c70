import { access, writeFile } from 'node:fs/promises'
import type { EngineConfig } from '../config.js'
import type { Mount } from '../records.js'

/** The host's certificate authorities, those its owner added included. */
const hostBundle = '/etc/ssl/certs/ca-certificates.crt'

/** On the step's own /dev, so that mounting leaves nothing in the layer. */
const place = '/dev/berth'
const bundle = `${place}/ca-certificates.crt`

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

/** What a build borrows of the host: it is around every RUN step, and in no image, history, layer or cache key. */
export interface BuildEnvironment {
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly Mount[]
}

/** @param aptSettings where the file that tells apt of the bundle is kept */
export async function buildEnvironment(config: EngineConfig, aptSettings: string): Promise<BuildEnvironment> {
  const there = await access(hostBundle).then(
    () => true,
    () => false,
  )
  if (!there) return { env: config.buildEnv, mounts: [] }
  await writeFile(aptSettings, `Acquire::https::CAInfo "${bundle}";\n`, { mode: 0o644 })
  const trust = Object.fromEntries(bundleVariables.map((name) => [name, bundle]))
  const bind = (source: string, target: string): Mount => ({ type: 'bind', source, target, options: ['bind', 'ro'] })
  return {
    env: { ...trust, APT_CONFIG: `${place}/apt.conf`, ...config.buildEnv },
    mounts: [bind(hostBundle, bundle), bind(aptSettings, `${place}/apt.conf`)],
  }
}
