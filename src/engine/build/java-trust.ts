import { createHash } from 'node:crypto'

const certificate = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g
/** What Java asks nobody for when it only reads: the digest at the end is made with it all the same. */
const password = 'changeit'

/** A bundle of certificates (PEM) as Java reads it: Java takes no PEM, but its own format, JKS, of which this is version 2. */
export function javaTrustStore(bundle: string): Buffer {
  const entries = [...bundle.matchAll(certificate)].map(([, base64 = ''], index) => {
    const der = Buffer.from(base64, 'base64')
    const name = text(`berth-${String(index)}`)
    return Buffer.concat([number(4, 2), name, Buffer.alloc(8), text('X.509'), number(4, der.length), der])
  })
  const store = Buffer.concat([number(4, 0xfeedfeed), number(4, 2), number(4, entries.length), ...entries])
  const digest = createHash('sha1').update(Buffer.from(password, 'utf16le').swap16()).update('Mighty Aphrodite')
  return Buffer.concat([store, digest.update(store).digest()])
}

function number(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

const text = (value: string): Buffer => Buffer.concat([number(2, value.length), Buffer.from(value)])
