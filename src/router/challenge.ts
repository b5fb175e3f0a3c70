import type { IncomingMessage, ServerResponse } from 'node:http'

/** Where a CA asks whether a hostname leads here (RFC 8555 §8.3). */
const path = /^\/\.well-known\/acme-challenge\/([\w-]{1,200})$/

/** What a token is answered with; null: it is none of Berth's. It fails where the store is away. */
export type Challenges = (token: string) => Promise<string | null>

/** The token that a request asks for, where it may be a CA's. */
export function tokenIn({ method }: Pick<IncomingMessage, 'method'>, target: string): string | null {
  return method === 'GET' ? (path.exec(target)?.[1] ?? null) : null
}

/** Answers a CA before any app is asked, whether it is up or not. @param otherwise what becomes of a token that an app has ordered with */
export async function answerChallenge(
  response: ServerResponse,
  answer: Promise<string | null>,
  otherwise: () => void,
): Promise<void> {
  const text = await answer
  if (response.destroyed) return
  if (text === null) {
    otherwise()
    return
  }
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  response.end(text)
}
