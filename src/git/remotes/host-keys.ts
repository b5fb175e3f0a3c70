import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { BerthError } from '../../errors.js'
import { findHost, portOf, type Lookup } from './hosts.js'
import { isSsh, parseUrl } from './url.js'

/** A key that a host proves itself by. */
export interface HostKey {
  /** `ssh-ed25519 AAAA…` */
  readonly line: string
  readonly type: string
  /** `SHA256:…`, as ssh shows it. */
  readonly fingerprint: string
}

const execute = promisify(execFile)

/** Kinds of keys that are asked for, the best first. */
const kinds = ['ed25519', 'ecdsa', 'rsa']
/** Seconds that a host has to show its keys. */
const patience = 10
/** Bytes of all of them. */
const maxBytes = 64 * 1024

/** Reads a key as known_hosts has it, with or without a name before it; null where it is none. */
export function readHostKey(text: string): HostKey | null {
  const [, type = '', base64 = ''] =
    /(?:^|\s)((?:ssh-|ecdsa-sha2-)[\w-]{1,40})\s+([A-Za-z0-9+/]{40,2000}={0,2})(?:\s|$)/.exec(text) ?? []
  const bytes = Buffer.from(base64, 'base64')
  // a key says its own kind (RFC 4253, 6.6)
  const [kind, ...rest] = fieldsOf(bytes)
  if (kind?.toString('latin1') !== type || rest.length === 0) return null
  const digest = createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')
  return { line: `${type} ${base64}`, type, fingerprint: `SHA256:${digest}` }
}

/** The strings that a key is made of (RFC 4251, 5); none where they do not end with it. */
function fieldsOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at)
    found.push(bytes.subarray(at + 4, end))
    at = end
  }
  return at === bytes.length ? found : []
}

/** The host of a URL for SSH, as its keys are kept: `git.example.com`, or with a port `git.example.com:2222`. */
export const sshHostOf = (url: URL): string =>
  portOf(url) === 22 ? url.hostname : `${url.hostname}:${String(portOf(url))}`

/** @throws BerthError `invalid` */
export function parseSshHost(text: string): URL {
  if (/^[\w.:[\]-]{1,300}$/.test(text)) {
    const { url } = parseUrl(`ssh://git@${text}/x`, 'host')
    if (isSsh(url)) return url
  }
  throw new BerthError(
    'invalid',
    `"${text.replace(/\p{Cc}/gu, '?').slice(0, 80)}" is no host`,
    'name it as github.com or git.lan:2222',
  )
}

/**
 * The keys that a host shows now. Whether they are its own is for a person to say.
 * @throws BerthError `denied` for private addresses, `unavailable` when it shows none
 */
export async function showHostKeys(
  url: URL,
  {
    trusted,
    lookup,
    signal,
  }: { readonly trusted: readonly string[]; readonly lookup?: Lookup | undefined; readonly signal: AbortSignal },
): Promise<HostKey[]> {
  const { addresses, port } = await findHost(url, 'host', trusted, lookup)
  for (const address of addresses) {
    const found = keysIn(await scan(address, port, signal))
    if (found.length > 0) return found
  }
  throw new BerthError(
    'unavailable',
    `${sshHostOf(url)} shows no SSH key: nothing answers there as an SSH server does`,
    'look at the name and the port; then try again',
  )
}

function keysIn(text: string): HostKey[] {
  const found = text.split('\n').flatMap((line) => (line.startsWith('#') ? [] : (readHostKey(line) ?? [])))
  const rank = ({ type }: HostKey): number => kinds.findIndex((kind) => type.includes(kind))
  return found.sort((a, b) => rank(a) - rank(b))
}

async function scan(address: string, port: number, signal: AbortSignal): Promise<string> {
  const args = ['-T', String(patience), '-p', String(port), '-t', kinds.join(','), address]
  const limits = { signal, timeout: 3 * patience * 1000, maxBuffer: maxBytes, env: { PATH: process.env.PATH } }
  try {
    return (await execute('ssh-keyscan', args, limits)).stdout
  } catch (error) {
    signal.throwIfAborted()
    const { code, stdout } = error as NodeJS.ErrnoException & { stdout?: string }
    if (code === 'ENOENT') throw noSsh(error)
    // it fails where a host has nothing to show
    return stdout ?? ''
  }
}

/** Where the programs are not there. */
export const noSsh = (cause: unknown): BerthError =>
  new BerthError(
    'unavailable',
    'the server has no SSH client',
    'its administrator: apt-get install openssh-client',
    cause,
  )
