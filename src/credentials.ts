import { randomBytes } from 'node:crypto'
import { lchown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { orMissing } from './lib/missing.js'
import { BerthError } from './errors.js'

/** Which Berth to talk to, and the token it knows this person by. */
export interface Credentials {
  /** `https://berth.<domain>[:port]`, or http. */
  readonly url: string
  readonly token: string
  /** Path of a PEM file of those who vouch for its certificate, beside whom this machine knows. */
  readonly ca?: string
}

/** `$BERTH_CONFIG_DIR`, else `berth` under the XDG configuration directory. */
export const credentialsDir = (env: NodeJS.ProcessEnv = process.env): string =>
  env.BERTH_CONFIG_DIR || join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'berth')

/** Where git finds the token, in the format of git-credential-store(1). */
export const gitCredentialsFile = (env: NodeJS.ProcessEnv = process.env): string =>
  join(credentialsDir(env), 'git-credentials')

/**
 * Reads `BERTH_URL` and `BERTH_TOKEN`, else `credentials.json`; null when there are neither.
 * @throws BerthError `invalid` when one half is missing, or the file is not what Berth writes
 */
export async function readCredentials(env: NodeJS.ProcessEnv = process.env): Promise<Credentials | null> {
  if (env.BERTH_TOKEN) {
    const stored = await readStored(env)
    const url = env.BERTH_URL ?? stored?.url
    if (url === undefined)
      throw new BerthError(
        'invalid',
        'BERTH_TOKEN is set but BERTH_URL is not',
        'set BERTH_URL to https://berth.<domain>',
      )
    const origin = checkUrl(url, 'BERTH_URL')
    const ca = stored?.url === origin ? stored.ca : undefined
    return { url: origin, token: env.BERTH_TOKEN, ...(ca === undefined ? {} : { ca }) }
  }
  const stored = await readStored(env)
  // a token goes to the server it was made by, and to no other
  if (env.BERTH_URL && stored && checkUrl(env.BERTH_URL, 'BERTH_URL') !== stored.url)
    throw new BerthError('invalid', `there is no token for ${env.BERTH_URL}`, 'set BERTH_TOKEN to one of its tokens')
  return stored
}

async function readStored(env: NodeJS.ProcessEnv): Promise<Credentials | null> {
  const file = join(credentialsDir(env), 'credentials.json')
  let text
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new BerthError('invalid', `${file} cannot be read`, (error as Error).message, error)
  }
  try {
    const { url, token, ca } = JSON.parse(text) as Record<string, unknown>
    if (typeof url === 'string' && typeof token === 'string')
      return { url: checkUrl(url, file), token, ...(typeof ca === 'string' ? { ca } : {}) }
  } catch (error) {
    if (error instanceof BerthError) throw error
  }
  throw new BerthError('invalid', `${file} is not a credentials file`, 'remove it and run `bin/up` again')
}

/** The origin of a URL that leads to a Berth. @throws BerthError `invalid` */
export function checkUrl(url: string, where: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol))
    throw new BerthError(
      'invalid',
      `${where} names no server: "${url.slice(0, 80)}"`,
      'it looks like https://berth.example.com, or http://berth.localhost',
    )
  return parsed.origin
}

/**
 * Keeps credentials for the CLI and for git, readable by their owner only. Other servers' lines for git stay; what the CLI
 * had for another server goes to `credentials.json.before`.
 */
export async function writeCredentials(credentials: Credentials, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  await makeDirectory(env)
  const before = await readStored(env).catch(() => null)
  if (before && before.url !== credentials.url && before.token !== credentials.token)
    await replace(join(credentialsDir(env), 'credentials.json.before'), `${JSON.stringify(before, null, 2)}\n`)
  await replace(join(credentialsDir(env), 'credentials.json'), `${JSON.stringify(credentials, null, 2)}\n`)
  await writeGitCredentials(credentials, env)
}

/**
 * Keeps those who vouch for a server, as `berth login --ca` was given them.
 * @param pem checked already
 * @returns the file's path
 */
export async function writeAuthority(url: string, pem: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  await makeDirectory(env)
  const file = join(credentialsDir(env), `ca-${new URL(url).host.replace(/[^a-z0-9.-]/g, '_')}.pem`)
  await replace(file, pem)
  return file
}

/** Forgets the token for a server, for the CLI and for git, and who vouches for it. Whether there was one. */
export async function forgetCredentials(
  { url, ca }: Credentials,
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const stored = await readStored(env)
  const known = stored?.url === url
  if (known) await rm(join(credentialsDir(env), 'credentials.json'), { force: true })
  if (known && ca !== undefined && dirname(ca) === credentialsDir(env)) await rm(ca, { force: true })
  const file = gitCredentialsFile(env)
  const lines = (await readFile(file, 'utf8').catch(orMissing(''))).split('\n')
  const left = lines.filter((line) => line === '' || hostIn(line) !== new URL(url).host)
  if (left.length < lines.length) await replace(file, left.join('\n'))
  return known
}

/** Git itself writes `host%3a8080` for `host:8080` when it keeps what it was given. */
const withPlainHost = (line: string): string => {
  const at = line.lastIndexOf('@') + 1
  return line.slice(0, at) + line.slice(at).replaceAll(/%3a/gi, ':')
}

const hostIn = (line: string): string => withPlainHost(line).slice(line.lastIndexOf('@') + 1)

/** Keeps the token for git alone; git itself takes a refused one out again. */
export async function writeGitCredentials(
  { url, token }: Credentials,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const file = gitCredentialsFile(env)
  const { protocol, host } = new URL(url)
  const line = `${protocol}//berth:${encodeURIComponent(token)}@${host}`
  const before = (await readFile(file, 'utf8').catch(orMissing(''))).split('\n').filter((other) => other !== '')
  const others = before.filter((other) => hostIn(other) !== host)
  const [kept, ...more] = before.filter((other) => hostIn(other) === host)
  if (more.length === 0 && kept !== undefined && withPlainHost(kept) === line) return
  await makeDirectory(env)
  await replace(file, [...others, line, ''].join('\n'))
}

/** Root may be at work in another's home, as with `sudo -E`: what it makes there is to be theirs. */
async function makeDirectory(env: NodeJS.ProcessEnv): Promise<void> {
  const directory = credentialsDir(env)
  const made = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (made === undefined || process.getuid?.() !== 0) return
  const { uid, gid } = await stat(dirname(made))
  for (let path = directory; path.length >= made.length; path = dirname(path)) await lchown(path, uid, gid)
}

async function replace(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.new` // two commands may do this at once
  await writeFile(draft, text, { mode: 0o600, flush: true, flag: 'wx' })
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(dirname(file))
    await lchown(draft, uid, gid)
  }
  await rename(draft, file)
}
