import { createHash, createHmac } from 'node:crypto'

/** Whose requests they are. */
export interface AwsKey {
  readonly id: string
  readonly secret: string
  /** Of keys that last for a while. */
  readonly session?: string | undefined
}

/** What is signed. */
export interface Signable {
  readonly method: string
  readonly url: URL
  readonly body: string
  readonly key: AwsKey
  readonly service: string
  readonly region: string
  readonly time: Date
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** As RFC 3986 has it, which encodes more than JavaScript does. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** Headers that sign a request: AWS Signature Version 4. */
export function signedHeaders({ method, url, body, key, service, region, time }: Signable): Record<string, string> {
  const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '')
  const day = stamp.slice(0, 8)
  const headers: [string, string][] = [
    ['host', url.host],
    ['x-amz-date', stamp],
    ...(key.session === undefined ? [] : [['x-amz-security-token', key.session] as [string, string]]),
  ]
  const names = headers.map(([name]) => name).join(';')
  const query = [...url.searchParams].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort()
  const canonical = [
    method,
    url.pathname,
    query.join('&'),
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    hash(body),
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n')
  const signing = [day, region, service, 'aws4_request'].reduce<string | Buffer>(mac, `AWS4${key.secret}`)
  const signature = mac(signing, text).toString('hex')
  return {
    ...Object.fromEntries(headers.slice(1)), // whoever sends it adds the host
    authorization: `AWS4-HMAC-SHA256 Credential=${key.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  }
}
