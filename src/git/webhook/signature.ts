import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { bearerOf } from '../../access/authenticate.js'
import type { Secret } from '../../lib/secret.js'

/** Who sends a webhook, by how it proves itself. */
export type Sender = 'GitHub' | 'Gitea' | 'GitLab' | 'Bitbucket' | 'bearer'

/** Takes the same time for all that is given, however much of it is right. */
function same(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}

const one = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** `sha256=<hex>`, or the digits alone. */
const digits = (text: string): string => text.replace(/^sha256=/i, '').toLowerCase()

/**
 * Who sent a webhook, if it knows the secret; null when it does not. Of several proofs every one must be right.
 * GitHub: X-Hub-Signature-256, an HMAC of the body. Bitbucket: the same as X-Hub-Signature. Gitea and Forgejo: the same without
 * `sha256=`. GitLab: the secret itself as X-Gitlab-Token. Whoever else: `Authorization: Bearer <secret>`.
 */
export function senderOf(headers: IncomingHttpHeaders, body: Buffer, secret: Secret): Sender | null {
  const mac = createHmac('sha256', secret.reveal()).update(body).digest('hex')
  const forgejo = one(headers, 'x-forgejo-signature') ?? one(headers, 'x-gitea-signature')
  const github = one(headers, 'x-hub-signature-256')
  const bitbucket = github === undefined ? one(headers, 'x-hub-signature') : undefined
  const gitlab = one(headers, 'x-gitlab-token')
  const bearer = bearerOf(headers.authorization) ?? undefined
  const proofs: readonly (readonly [Sender, string | undefined, string])[] = [
    ['Gitea', forgejo && digits(forgejo), mac],
    ['GitHub', github && digits(github), mac],
    ['Bitbucket', bitbucket && digits(bitbucket), mac],
    ['GitLab', gitlab, secret.reveal()],
    ['bearer', bearer, secret.reveal()],
  ]
  const given = proofs.filter(([, proof]) => proof !== undefined)
  const right = given.filter(([, proof, expected]) => same(proof ?? '', expected))
  return right.length > 0 && right.length === given.length ? (right[0]?.[0] ?? null) : null
}
