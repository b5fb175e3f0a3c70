import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/**
 * What builds need to know of this host's network: its proxies and the npm registry its npm is set to. dotenv text.
 * Builds see these variables; images never hold them.
 */
export async function buildEnv(env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: '/' })
  const found = Object.entries(env).filter(([name]) => proxies.includes(name.toUpperCase()))
  return [...found, ['NPM_CONFIG_REGISTRY', stdout.trim()] as const]
    .filter(([, value]) => value !== undefined && value !== '' && value !== 'undefined')
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
    .join('')
}
