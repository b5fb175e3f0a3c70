import { createHash } from 'node:crypto'

/** What cookies of gates begin with; where there is HTTPS, `__Host-` keeps siblings of a hostname from setting them (RFC 6265bis §4.1.3). */
const ours = /^(?:__Host-)?berth-sso-/i

/** Of a request's `Cookie`, in their order; a name may come twice. */
export function cookiesOf(header: string | undefined): (readonly [name: string, value: string])[] {
  return (header ?? '').split(';').flatMap((one) => {
    const at = one.indexOf('=')
    return at < 0 ? [] : [[one.slice(0, at).trim(), one.slice(at + 1).trim()] as const]
  })
}

/** The headers of a request without the cookies of gates, which are no app's to see. @param headers `[name, value, …]` */
export function withoutSsoCookies(headers: readonly string[]): readonly string[] {
  if (!headers.some((value, i) => i % 2 === 1 && headers[i - 1] === 'cookie' && /berth-sso-/i.test(value)))
    return headers
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2)
    const left = name === 'cookie' ? value.split(';').filter((one) => !ours.test(one.trim())) : [value]
    if (left.length > 0) kept.push(name, left.join(';').trim())
  }
  return kept
}

/** Characters of the tag of an attempt. */
const tagLength = 8
/** Attempts to sign in that a browser has under way at once; the cookies of older ones are taken from it. */
export const mostAttempts = 4

/** The cookies of one app's gate, as its clients have them. */
export class SsoCookies {
  readonly session: string
  readonly #isSecure: boolean

  /** @param app its id: apps that share a hostname by paths have cookies of their own */
  constructor(app: string, isSecure: boolean) {
    const tag = createHash('sha256').update(`app ${app}`).digest('base64url').slice(0, 8)
    this.#isSecure = isSecure
    this.session = `${isSecure ? '__Host-' : ''}berth-sso-${tag}`
  }

  /** What the cookie of an attempt is called. @param state of it */
  attempt(state: string): string {
    return `${this.session}-${state.slice(0, tagLength)}`
  }

  /** Names of attempts among cookies. */
  attemptsAmong(cookies: readonly (readonly [name: string, value: string])[]): string[] {
    return [...new Set(cookies.map(([name]) => name))].filter(
      (name) => name.startsWith(`${this.session}-`) && name.length === this.session.length + 1 + tagLength,
    )
  }

  /** Has a client keep a cookie for so many seconds; 0 takes it away. */
  set(name: string, value: string, seconds: number): string {
    return `${name}=${value}; Path=/; Max-Age=${String(seconds)}; HttpOnly; SameSite=Lax${this.#isSecure ? '; Secure' : ''}`
  }
}
