import { EngineError, type EngineFault } from '../errors.js'
import type { Reference } from '../oci/reference.js'
import { familiar, familiarName } from '../oci/reference.js'
import { ProxyError } from './proxy.js'
import { sanitize } from '../system/sanitize.js'

/** What a registry or the way to it said; `code` is the registry's, or Node's of a connection that failed. */
export class RegistryError extends EngineError {
  readonly code: string
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** Seconds to wait before the next try, when the registry said so. */
  readonly retryAfter: number | undefined
  constructor(code: string, status: number, message: string, cause?: unknown, retryAfter?: number) {
    super(faultOf(status), message, cause)
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
  }
}

const faultOf = (status: number): EngineFault => (status === 404 ? 'missing' : 'broken')

/** Another try may do better: the connection failed, or the registry is busy. What is no HTTP stays so. */
export const isPassing = (error: unknown): error is RegistryError =>
  error instanceof RegistryError &&
  ((error.status === 0 && !error.code.startsWith('HPE_')) || error.status === 429 || error.status >= 500)

/** Reads the error of distribution-spec v1.1 "Error Codes", in the words Docker's client has for it. */
export function registryFault(status: number, statusText: string, body: Buffer, retryAfter?: string): RegistryError {
  const seconds = Number(retryAfter ?? NaN)
  const wait = Number.isFinite(seconds) ? seconds : undefined
  const told = errorsIn(body)
  if (told) {
    const { code, message } = told
    const name = code.toLowerCase().replaceAll('_', ' ')
    return new RegistryError(code, status, `${name}: ${message || name}`, undefined, wait)
  }
  if (status === 401) return new RegistryError('UNAUTHORIZED', 401, 'unauthorized: authentication required')
  if (status === 403) return new RegistryError('DENIED', 403, 'denied: requested access to the resource is denied')
  if (status === 404) return new RegistryError('NOT_FOUND', 404, 'not found')
  return new RegistryError(
    '',
    status,
    `received unexpected HTTP status: ${status} ${sanitize(statusText, 100)}`.trim(),
    undefined,
    wait,
  )
}

function errorsIn(body: Buffer): { code: string; message: string } | undefined {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] }
    const first = errors?.[0]
    if (typeof first?.code !== 'string') return undefined
    return {
      code: sanitize(first.code, 100),
      message: typeof first.message === 'string' ? sanitize(first.message) : '',
    }
  } catch {
    return undefined
  }
}

/** A failure of a pull in dockerd's words, which clients match on. */
export function pullFault(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error
  const { code, message, status } = error
  if (code === 'DENIED')
    return new EngineError(
      'missing',
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${message}`,
      error,
    )
  if (code === 'MANIFEST_UNKNOWN' || code === 'NOT_FOUND')
    return new EngineError(
      'missing',
      `manifest for ${familiar(reference)} not found: manifest unknown: manifest unknown`,
      error,
    )
  if (code === 'NAME_UNKNOWN')
    return new EngineError('missing', `repository ${familiarName(reference)} not found: ${message}`, error)
  return status === 404 ? new EngineError('missing', message, error) : error
}

const tls: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'x509: certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'x509: certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'x509: certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'x509: certificate is not valid for this host',
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

/** A request that got no answer, in the words of dockerd's HTTP client. */
export function connectionFault(method: string, url: URL, error: NodeJS.ErrnoException): RegistryError {
  const code = error.code ?? ''
  // when a name has several addresses Node tells of all
  const first = (error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error) as {
    address?: string
    port?: number
  }
  const why =
    error instanceof ProxyError
      ? error.message
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? `dial tcp: lookup ${url.hostname}: no such host`
        : code in words
          ? `dial tcp ${first.address ?? url.hostname}:${first.port ?? url.port}: ${words[code] ?? ''}`
          : code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG'
            ? 'http: server gave HTTP response to HTTPS client'
            : (tls[code] ?? (code === 'ECONNRESET' ? 'EOF' : error.message))
  const verb = method.slice(0, 1) + method.slice(1).toLowerCase()
  return new RegistryError(code === '' ? 'BROKEN' : code, 0, `${verb} "${url.href}": ${why}`, error)
}

/** An answer that ended before it was whole. @param what it is */
export function brokenOff(what: string, error: NodeJS.ErrnoException): RegistryError {
  const { code = 'BROKEN', message } = error
  return new RegistryError(code, 0, `${what}: ${code === 'ECONNRESET' ? 'unexpected EOF' : message}`, error)
}
