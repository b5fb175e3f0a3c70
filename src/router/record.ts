import type { Away, PathRoute, Route, RoutedPort, Target } from '../store/routes.js'
import { isCanaryRule } from '../canary-rule.js'
import { isRules } from '../routing-rules.js'

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isName = (value: unknown): value is string => typeof value === 'string' && value.length > 0 && value.length < 256

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536

const isTarget = (value: unknown): value is Target =>
  isObject(value) &&
  isName(value.id) &&
  isName(value.process) &&
  isName(value.host) &&
  isPort(value.port) &&
  (value.canary === undefined || value.canary === true)

const isRoutedPort = (value: unknown): value is RoutedPort =>
  isObject(value) &&
  isPort(value.port) &&
  (value.protocol === 'tcp' || value.protocol === 'udp') &&
  isPort(value.to) &&
  isName(value.type) &&
  (value.introduced === undefined || value.introduced === true)

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
  (value.ports === undefined || (Array.isArray(value.ports) && value.ports.every(isRoutedPort))) &&
  (value.others === undefined || (Array.isArray(value.others) && value.others.every(isTarget))) &&
  reasons.has(value.away) &&
  (value.rules === undefined || isRules(value.rules)) &&
  (value.canary === undefined || isCanaryRule(value.canary)) &&
  (value.https === undefined || value.https === true) &&
  (value.redirects === undefined || (isObject(value.redirects) && Object.values(value.redirects).every(isName))) &&
  Number.isSafeInteger(value.version)
