import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { tlsProtocol, type Acme, type AcmeJob, type ProofType } from '../store/acme.js'
import type { TxtRecords } from './dns/records.js'
import { lost } from './lost.js'

/** What proofs are shown with. */
export interface ProofDeps {
  readonly store: { readonly acme: Acme }
  /** Where TXT records are made, which prove wildcards. */
  readonly dns?: TxtRecords | undefined
  /** Port of the router for HTTPS, where it has one. */
  readonly tlsPort?: number | undefined
  /** What is tried first; http-01 unless it says. */
  readonly first?: ProofType | undefined
  /** ms that the router has to hear of what it is to show in handshakes. */
  readonly hearing?: number | undefined
  readonly signal: AbortSignal
}

/** What shows a CA that a hostname is ours. Showing and hiding may be repeated. */
export interface Proof {
  readonly show: () => Promise<void>
  readonly hide: () => Promise<void>
}

/**
 * How a hostname is proven: a wildcard by DNS alone, any other by what is answered there, over HTTP or in the handshake of TLS. What worked
 * last comes first, and what the CA has refused gives way to the other, as a firewall or a proxy may leave but one of them.
 */
export function proofTypeOf(
  { host, proof, refused }: Pick<AcmeJob, 'host' | 'proof' | 'refused'>,
  { tlsPort, first = 'http-01' }: Pick<ProofDeps, 'tlsPort' | 'first'>,
): ProofType {
  if (host.startsWith('*.')) return 'dns-01'
  if (tlsPort === undefined) return 'http-01'
  const preferred = proof ?? first
  if (refused !== preferred) return preferred
  return preferred === 'http-01' ? 'tls-alpn-01' : 'http-01'
}

/** @param answer to the token, as the account has it (RFC 8555 §8.1) */
export function proofOf(
  { store: { acme }, dns, tlsPort, hearing = defaultHearing, signal }: ProofDeps,
  { host, type, token, answer }: { host: string; type: ProofType; token: string; answer: string },
): Proof {
  if (type === 'http-01') return { show: () => acme.answer(token, answer), hide: () => acme.unanswer(token) }
  const digest = createHash('sha256').update(answer).digest()
  if (type === 'tls-alpn-01') {
    const show = async (): Promise<void> => {
      await acme.answerTls(host, digest)
      await whenShown({ host, digest, port: tlsPort ?? 443, hearing, signal })
    }
    return { show, hide: () => acme.unanswerTls(host) }
  }
  if (dns === undefined) throw lost('nothing says how DNS records are made', 'enable a DNS plugin: see `berth plugins`')
  const name = `_acme-challenge.${host.slice(2)}`
  const text = digest.toString('base64url')
  return { show: () => dns.add(name, text, signal), hide: () => dns.remove(name, text, signal) }
}

/** ms */
const defaultHearing = 10_000

/** The router does not show what it should: the way is of no use, whatever the CA thinks of it. */
export class Unshown extends BerthError {}

interface Shown {
  readonly host: string
  readonly digest: Buffer
  readonly port: number
  readonly hearing: number
  readonly signal: AbortSignal
}

/** Waits until the router shows it: it hears of it a moment later, and the CA asks but once. @throws Unshown */
async function whenShown({ signal, hearing, ...shown }: Shown): Promise<void> {
  using late = deadline(hearing, signal)
  while (!(await isShown({ ...shown, signal: late.signal }))) {
    await sleep(50, null, { signal: late.signal }).catch(() => undefined)
    if (signal.aborted) throw signal.reason
    if (late.signal.aborted)
      throw new Unshown(
        'unavailable',
        'the router does not show the proof for the CA',
        'a proxy or another data plane before it may speak TLS in its place; the other way is tried next',
      )
  }
}

async function isShown({ host, digest, port, signal }: Omit<Shown, 'hearing'>): Promise<boolean> {
  const { connect } = process.getBuiltinModule('node:tls') // it takes two MiB
  const options = { host: '127.0.0.1', port, servername: host, ALPNProtocols: [tlsProtocol] }
  const socket = connect({ ...options, rejectUnauthorized: false })
  socket.on('error', () => undefined)
  try {
    await once(socket, 'secureConnect', { signal })
    return socket.alpnProtocol === tlsProtocol && socket.getPeerX509Certificate()?.raw.includes(digest) === true
  } catch {
    return false // it has none, or is not there
  } finally {
    socket.destroy()
  }
}
