/** The engine's closed set of faults and the Docker API status each answers with. */
export const statusOf = {
  invalid: 400,
  denied: 403,
  missing: 404,
  conflict: 409,
  unmodified: 304,
  broken: 500,
  unsupported: 501,
  away: 503,
  full: 507,
} as const

export type EngineFault = keyof typeof statusOf

/** An error a Docker client reads as `{"message": …}`. Messages follow dockerd's wording: clients match on it. */
export class EngineError extends Error {
  readonly fault: EngineFault
  constructor(fault: EngineFault, message: string, cause?: unknown) {
    super(message, { cause })
    this.fault = fault
  }
}

export const isFault = (error: unknown, fault: EngineFault): error is EngineError =>
  error instanceof EngineError && error.fault === fault

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The `code` of a Node system error (`ENOENT`, …), if it is one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
