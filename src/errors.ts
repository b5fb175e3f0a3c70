/** The closed set of faults and the HTTP status each answers with. */
export const statusOf = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  missing: 404,
  conflict: 409,
  large: 413,
  busy: 423,
  broken: 500,
  unavailable: 503,
} as const

export type Fault = keyof typeof statusOf

/** The hint that a request which is no such request is answered with; the CLI has one of its own in its stead. */
export const seeContract = 'see /api/openapi.json for what it takes'

/** An error meant for a person: `message` says what is so, `hint` what to type next. */
export class BerthError extends Error {
  readonly fault: Fault
  readonly hint: string | undefined
  constructor(fault: Fault, message: string, hint?: string, cause?: unknown) {
    super(message, { cause })
    this.fault = fault
    this.hint = hint
  }
}

export const is = (error: unknown, fault: Fault): error is BerthError =>
  error instanceof BerthError && error.fault === fault

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
