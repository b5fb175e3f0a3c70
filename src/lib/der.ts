/** One element of DER (X.690 §8): its tag, its length, what it holds. */
export function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

export const sequence = (...content: readonly Buffer[]): Buffer => element(0x30, ...content)

/** An object identifier. @param hex its content, without tag and length */
export const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))

/** A whole number of bytes as bits. */
export const bits = (bytes: Buffer): Buffer => element(0x03, Buffer.from([0]), bytes)

/** What certificates and requests for them are made of. */
export const ids = {
  commonName: oid('550403'),
  extensionRequest: oid('2a864886f70d01090e'),
  subjectAltName: oid('551d11'),
  authorityKeyIdentifier: oid('551d23'),
  acmeIdentifier: oid('2b0601050507011f'),
  ecdsaWithSha256: oid('2a8648ce3d040302'),
} as const
