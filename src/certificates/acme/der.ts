import { sign, type KeyObject, type X509Certificate } from 'node:crypto'

/** One element of DER (X.690): tag, length, content. */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

const sequence = (...content: readonly Buffer[]): Buffer => element(0x30, ...content)
const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))

const ids = {
  extensionRequest: oid('2a864886f70d01090e'),
  subjectAltName: oid('551d11'),
  authorityKeyIdentifier: oid('551d23'),
  ecdsaWithSha256: oid('2a8648ce3d040302'),
} as const

/** A request for a certificate with these names, signed with its key (RFC 2986): P-256. DER. */
export function certificateRequest(names: readonly string[], key: KeyObject, publicKey: KeyObject): Buffer {
  const general = sequence(...names.map((name) => element(0x82, Buffer.from(name, 'ascii'))))
  const extensions = sequence(sequence(ids.subjectAltName, element(0x04, general)))
  const info = sequence(
    element(0x02, Buffer.from([0])),
    sequence(),
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa0, sequence(ids.extensionRequest, element(0x31, extensions))),
  )
  const signature = element(0x03, Buffer.from([0]), sign('sha256', info, key))
  return sequence(info, sequence(ids.ecdsaWithSha256), signature)
}

/**
 * What a CA knows a certificate by when it is asked when to renew it (RFC 9773 §4.1); null where it does not say who issued it. The
 * key identifier is the first thing in its extension, and short.
 */
export function renewalId({ raw, serialNumber }: Pick<X509Certificate, 'raw' | 'serialNumber'>): string | null {
  const at = raw.indexOf(ids.authorityKeyIdentifier)
  if (at < 0) return null
  // OCTET STRING, SEQUENCE, [0]: a tag and a length each
  const inner = raw.subarray(at + ids.authorityKeyIdentifier.length)
  const [octets, , sequenceTag, , keyTag, length = 0] = inner
  if (octets !== 0x04 || sequenceTag !== 0x30 || keyTag !== 0x80 || length === 0 || length > 64) return null
  const serial = Buffer.from(serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`, 'hex')
  const signed = (serial[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), serial]) : serial
  return `${inner.subarray(6, 6 + length).toString('base64url')}.${signed.toString('base64url')}`
}
