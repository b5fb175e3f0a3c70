import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { bits, element, ids, sequence } from '../lib/der.js'

/** A certificate with its key, PEM. */
export interface KeyPair {
  readonly chain: string
  readonly key: string
}

/** Before 2050 (RFC 5280 §4.1.2.5.1). */
const time = (at: Date): Buffer =>
  element(0x17, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`, 'latin1'))

const ecdsaWithSha256 = sequence(ids.ecdsaWithSha256)
const critical = element(0x01, Buffer.from([0xff]))
const day = 86_400_000
const years = 10 * 365 * day

interface SelfSignedOptions {
  readonly now?: number
  /** What a CA is to find in it that asks whether the name leads here: SHA-256 (RFC 8737 §3). */
  readonly digest?: Buffer
}

/** A certificate that nobody vouches for: shown where there is none for the name that was asked for, so that there is an answer. */
export function selfSigned(name: string, { now = Date.now(), digest }: SelfSignedOptions = {}): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const whom = sequence(element(0x31, sequence(ids.commonName, element(0x0c, Buffer.from(name)))))
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // a positive number, written in its shortest form
  const body = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))), // version 3
    element(0x02, serial),
    ecdsaWithSha256,
    whom,
    sequence(time(new Date(now - day)), time(new Date(Math.min(now + years, Date.UTC(2049, 0))))),
    whom,
    publicKey.export({ type: 'spki', format: 'der' }),
    // subjectAltName, as clients read no other name
    element(
      0xa3,
      sequence(
        sequence(ids.subjectAltName, element(0x04, sequence(element(0x82, Buffer.from(name))))),
        ...(digest === undefined ? [] : [sequence(ids.acmeIdentifier, critical, element(0x04, element(0x04, digest)))]),
      ),
    ),
  )
  const whole = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, privateKey)))
  const text = whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return {
    chain: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
