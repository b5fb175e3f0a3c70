import { BerthError } from '../../errors.js'
import { harmless } from '../../lib/terminal.js'
import { listOf, object } from './shape.js'

const prefix = 'urn:ietf:params:acme:error:'

/** A refusal of a CA, with its own words (RFC 8555 §6.7). */
export class AcmeProblem extends BerthError {
  /** `rateLimited` and the like; '' of what is none of ACME's. */
  readonly kind: string
  /** ms that it wants to be waited for. */
  readonly wait: number
  constructor(kind: string, words: string, wait: number) {
    super('conflict', `the CA refuses: ${words}`, hints[kind])
    this.kind = kind
    this.wait = wait
  }
}

const hints: Readonly<Record<string, string>> = {
  rateLimited: 'it has been asked for too many; this is waited for',
  caa: 'a CAA record of the domain allows other CAs alone',
  dns: 'DNS does not lead here yet: see `berth domains:check`',
  connection: 'the CA must reach this server on port 80: see `berth domains:check`',
  unauthorized: 'somebody else answered at this hostname: see `berth domains:check`',
  rejectedIdentifier: 'the CA issues no certificates for this name',
  externalAccountRequired: 'the CA wants accounts that it knows: set BERTH_ACME_EAB',
  userActionRequired: 'see what the CA has written to you',
}

const line = (value: unknown): string =>
  typeof value === 'string' ? harmless(value).replace(/\s+/g, ' ').trim().slice(0, 300) : ''

/** Reads one as a CA sends it. @throws BerthError `unavailable` */
export function problemOf(value: unknown, wait = 0): AcmeProblem {
  const { type, detail, subproblems } = object(value)
  const kind = typeof type === 'string' && type.startsWith(prefix) ? type.slice(prefix.length, prefix.length + 60) : ''
  const parts = subproblems === undefined ? [] : listOf(subproblems, 200).map((one) => line(object(one).detail))
  const words = [line(detail), ...parts.slice(0, 3)].filter((one) => one !== '').join('; ')
  return new AcmeProblem(kind, words || kind || 'it does not say why', wait)
}
