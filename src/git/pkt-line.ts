/** git's packet lines (gitprotocol-common(5)): four hex digits of length, themselves included, then the payload. */
export const flush = Buffer.from('0000')

/** Longest payload of a packet line. */
const maxPayload = 65516

export function pkt(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload)
  if (bytes.length > maxPayload) throw new RangeError('payload too long for one packet line')
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}

/** The packet at an offset: its payload (null is a flush) and where the next begins; null when it is not all there yet. */
export function packetAt(bytes: Buffer, offset: number): { payload: Buffer | null; next: number } | null {
  if (bytes.length < offset + 4) return null
  const digits = bytes.toString('latin1', offset, offset + 4)
  const length = /^[0-9a-f]{4}$/i.test(digits) ? parseInt(digits, 16) : -1
  if (length === 0) return { payload: null, next: offset + 4 }
  if (length < 4) throw new RangeError('not a packet line')
  if (bytes.length < offset + length) return null
  return { payload: bytes.subarray(offset + 4, offset + length), next: offset + length }
}
