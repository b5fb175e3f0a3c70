import type { Away, PathRoute, Route, Target } from '../store/routes.js'
import { isCanaryRule } from '../canary-rule.js'
import { isRules } from '../routing-rules.js'

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isName = (value: unknown): value is string => typeof value === 'string' && value.length > 0 && value.length < 256

const isTarget = (value: unknown): value is Target =>
  isObject(value) &&
  isName(value.id) &&
  isName(value.process) &&
  isName(value.host) &&
  Number.isInteger(value.port) &&
  (value.port as number) > 0 &&
  (value.port as number) < 65536 &&
  (value.canary === undefined || value.canary === true)

const isPath = (value: unknown): value is PathRoute =>
  isObject(value) &&
  isName(value.host) &&
  isName(value.path) &&
  value.path.startsWith('/') &&
  isName(value.root) &&
  (value.strip === undefined || value.strip === true)

const reasons: ReadonlySet<unknown> = new Set<Away | undefined>([
  'not-pushed',
  'no-web',
  'scaled-to-zero',
  'needs-push',
  'not-ready',
  undefined,
])

/**
 * Reads a route from JSON; null when it is not one. By hand, as the router stays small: a schema library would be a
 * fifth of its memory, and what it reads was written by the platform.
 */
export function parseRoute(json: string): Route | null {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return null
  }
  return isRoute(value) ? value : null
}

/** Whether a value is a route in every field. */
export const isRoute = (value: unknown): value is Route =>
  isObject(value) &&
  isName(value.app) &&
  isName(value.name) &&
  Array.isArray(value.hosts) &&
  value.hosts.every(isName) &&
  (value.paths === undefined || (Array.isArray(value.paths) && value.paths.every(isPath))) &&
  Array.isArray(value.targets) &&
  value.targets.every(isTarget) &&
  reasons.has(value.away) &&
  (value.rules === undefined || isRules(value.rules)) &&
  (value.canary === undefined || isCanaryRule(value.canary)) &&
  (value.https === undefined || value.https === true) &&
  (value.redirects === undefined || (isObject(value.redirects) && Object.values(value.redirects).every(isName))) &&
  Number.isSafeInteger(value.version)
