import { sign, type KeyObject, type X509Certificate } from 'node:crypto'
import { bits, element, ids, sequence } from '../../lib/der.js'

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
  const signature = bits(sign('sha256', info, key))
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
