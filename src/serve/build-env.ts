import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cargo } from './clients/cargo.js'
import { thisHost } from './clients/client.js'
import { go } from './clients/go.js'
import { maven } from './clients/maven.js'
import { python } from './clients/python.js'
import { ruby } from './clients/ruby.js'

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']
/** Clients whose configuration is read without them: they need not be on this machine. A client is a word here. */
const clients = [python, go, cargo, maven, ruby]

/**
 * What builds need to know of this host's network: its proxies and the registries that its package clients are set to.
 * dotenv text. The steps of builds see these variables; images never hold them.
 */
export async function buildEnv(env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: '/' })
  const found = Object.entries(env).filter(([name]) => proxies.includes(name.toUpperCase()))
  const settings = clients.flatMap((client) => Object.entries(client(thisHost(env))))
  // npm's name for it is understood by the other package managers, but by Yarn from version 2
  const registry = ['NPM_CONFIG_REGISTRY', 'YARN_NPM_REGISTRY_SERVER'].map((name) => [name, stdout.trim()] as const)
  return [...found, ...settings, ...registry]
    .filter(([, value]) => value !== undefined && value !== '' && value !== 'undefined')
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
    .join('')
}
