import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { BerthError, messageOf } from '../errors.js'
import { readHostname } from '../lib/hostname.js'
import type { Certificate } from '../store/certificates.js'

/** Characters of a chain or a key: what is more is no such thing. */
const longest = 100_000

/** Certificates of one chain. */
const mostInChain = 10

const invalid = (message: string, hint?: string): BerthError => new BerthError('invalid', message, hint)

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g

/** What there is in a PEM text: `CERTIFICATE` and the like, each with its lines. */
function blocksOf(text: string): { kind: string; pem: string }[] {
  return [...text.slice(0, longest + 1).matchAll(block)].map(([pem, kind = '']) => ({ kind, pem }))
}

/** When a certificate is good. `X509Certificate` says it in words alone: "Nov 30 12:00:00 2026 GMT". */
const timeOf = (words: string): number => Date.parse(words)

/** The hostnames that a certificate names, as `names` of the record has them. Addresses and what is no hostname are left out. */
export function namesOf({ subjectAltName }: X509Certificate): string[] {
  const names = (subjectAltName ?? '').split(', ').flatMap((one) => (one.startsWith('DNS:') ? [one.slice(4)] : []))
  const read = names.map((name) => readHostname(name))
  return [...new Set(read.flatMap((one) => ('host' in one ? [one.host] : [])))]
}

/** What a chain and a key say of themselves once they are known to belong together. */
export type ReadCertificate = Pick<Certificate, 'names' | 'chain' | 'key' | 'notBefore' | 'notAfter'>

/**
 * Reads a chain and a key, and checks each against the other.
 * @throws BerthError `invalid` that says which of the two is wrong, and how; no word of the key is in it
 */
export function readCertificate(chain: string, key: string, now = Date.now()): ReadCertificate {
  const all = readChain(chain)
  const secret = readKey(key)
  const [leaf] = all
  if (!leaf)
    throw invalid('the chain holds no certificate', 'give a PEM file that begins with -----BEGIN CERTIFICATE-----')
  if (!leaf.checkPrivateKey(secret)) throw mismatch(all, secret)
  checkOrder(all)
  const [notBefore, notAfter] = [timeOf(leaf.validFrom), timeOf(leaf.validTo)]
  if (notAfter <= now) throw invalid(`the certificate has expired on ${dayOf(notAfter)}`, 'give one that is good still')
  const old = all.find((one) => timeOf(one.validTo) <= now)
  if (old)
    throw invalid(`a certificate of the chain has expired: ${nameOf(old)}`, 'get the chain anew from who issued it')
  const names = namesOf(leaf)
  if (names.length === 0)
    throw invalid(
      'the certificate names no host',
      'it needs a subjectAltName with DNS names; browsers look at nothing else',
    )
  const pem = all.map((one) => one.toString().trim()).join('\n')
  return {
    names,
    chain: `${pem}\n`,
    key: secret.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notBefore,
    notAfter,
  }
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** What a certificate is called: its common name, else all of its subject. */
export const nameOf = ({ subject }: Pick<X509Certificate, 'subject'>): string =>
  subjectName(subject) || 'one without a subject'

/** `CN=R10\nO=…` in one line, the common name alone where there is one. */
export const subjectName = (subject: string | undefined): string =>
  (/^CN=(.+)$/m.exec(subject ?? '')?.[1] ?? (subject ?? '').replaceAll('\n', ', ')).slice(0, 200)

function readChain(text: string): X509Certificate[] {
  if (text.length > longest)
    throw invalid('the chain is longer than 100 kB', 'give the certificate and those that vouch for it, no more')
  const blocks = blocksOf(text)
  if (blocks.some(({ kind }) => kind.endsWith('PRIVATE KEY')))
    throw invalid(
      'the chain holds a private key',
      'give the chain and the key in files of their own; the key comes second',
    )
  const other = blocks.find(({ kind }) => kind !== 'CERTIFICATE')
  if (other)
    throw invalid(`the chain holds a ${other.kind.slice(0, 40)}`, 'a chain is made of certificates alone, in PEM')
  if (blocks.length > mostInChain)
    throw invalid(`the chain is of ${blocks.length} certificates`, `it is of ${mostInChain} at most`)
  return blocks.map(({ pem }, at) => {
    try {
      return new X509Certificate(pem)
    } catch (error) {
      throw invalid(`certificate ${at + 1} of the chain cannot be read`, messageOf(error))
    }
  })
}

function readKey(text: string): KeyObject {
  if (text.length > longest) throw invalid('the key is longer than 100 kB', 'give one private key in PEM')
  const keys = blocksOf(text).filter(({ kind }) => kind.endsWith('PRIVATE KEY'))
  const [only] = keys
  if (!only)
    throw invalid(
      'there is no private key in PEM in what was given as the key',
      'it begins with -----BEGIN PRIVATE KEY-----',
    )
  if (keys.length > 1)
    throw invalid(
      `there are ${keys.length} private keys in what was given as the key`,
      'give the one of the certificate',
    )
  if (only.kind.startsWith('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(only.pem))
    throw invalid('the key is encrypted', 'decrypt it first: openssl pkey -in KEY -out PLAIN')
  let key: KeyObject
  try {
    key = createPrivateKey(only.pem)
  } catch (error) {
    throw invalid('the key cannot be read', `openssl says: ${(error as NodeJS.ErrnoException).code ?? 'nothing'}`)
  }
  const { modulusLength } = key.asymmetricKeyDetails ?? {}
  if (!['rsa', 'ec', 'ed25519'].includes(key.asymmetricKeyType ?? ''))
    throw invalid(
      `the key is of a kind that TLS has no use for: ${key.asymmetricKeyType ?? 'unknown'}`,
      'use RSA or P-256',
    )
  if (modulusLength !== undefined && (modulusLength < 2048 || modulusLength > 8192))
    throw invalid(`the key has ${modulusLength} bits`, 'RSA keys have 2048 to 8192 here')
  return key
}

/** The key is not that of the first certificate: perhaps of another. */
function mismatch(all: readonly X509Certificate[], key: KeyObject): BerthError {
  const at = all.findIndex((one) => one.checkPrivateKey(key))
  if (at > 0)
    return invalid(
      `the chain is out of order: the key belongs to certificate ${at + 1}, ${nameOf(all[at] as X509Certificate)}`,
      'put that one first, then the one that issued it, and so on',
    )
  return invalid('the key does not belong to the certificate', 'give the key that its request was made with')
}

/** Each is issued by the next, as RFC 8446 §4.4.2 would have it and some clients need. */
function checkOrder(all: readonly X509Certificate[]): void {
  for (const [at, one] of all.entries()) {
    const next = all[at + 1]
    if (next === undefined || isIssuedBy(one, next)) continue
    const elsewhere = all.some((other) => other !== one && isIssuedBy(one, other))
    throw elsewhere
      ? invalid(
          `the chain is out of order: ${nameOf(one)} is not issued by the next, ${nameOf(next)}`,
          'put each before the one that issued it',
        )
      : invalid(
          `${nameOf(next)} in the chain did not issue ${nameOf(one)}`,
          'get the chain from who issued the certificate',
        )
  }
}

const isIssuedBy = (one: X509Certificate, issuer: X509Certificate): boolean =>
  one.checkIssued(issuer) && one.verify(issuer.publicKey)
