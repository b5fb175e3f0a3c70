import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A certificate with its key, PEM. */
export interface KeyPair {
  readonly chain: string
  readonly key: string
}

/** A value in DER (X.690 §8): its tag, its length, what it holds. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const bits = (bytes: Buffer): Buffer => der(0x03, Buffer.from([0]), bytes)
/** Before 2050 (RFC 5280 §4.1.2.5.1). */
const time = (at: Date): Buffer =>
  der(0x17, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`, 'latin1'))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const commonName = '550403'
const day = 86_400_000
const years = 10 * 365 * day

/** A certificate that nobody vouches for: shown where there is none for the name that was asked for, so that there is an answer. */
export function selfSigned(name: string, now = Date.now()): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const whom = sequence(der(0x31, sequence(oid(commonName), der(0x0c, Buffer.from(name)))))
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // a positive number, written in its shortest form
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, serial),
    ecdsaWithSha256,
    whom,
    sequence(time(new Date(now - day)), time(new Date(Math.min(now + years, Date.UTC(2049, 0))))),
    whom,
    publicKey.export({ type: 'spki', format: 'der' }),
    // subjectAltName, as clients read no other name
    der(0xa3, sequence(sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from(name))))))),
  )
  const whole = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, privateKey)))
  const text = whole.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    chain: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
