import { z } from 'zod'
import type { Tree } from '../buildpacks/tree.js'
import {
  CheckFields,
  checkPhases,
  faultOf,
  mostChecks,
  strategyOf,
  type DeclaredCheck,
  type DeclaredChecks,
} from '../store/checks.js'
import { readChecksFile } from './checks-file.js'

const { shape } = CheckFields
const named = /^\P{Cc}*$/u

const Code = z.union([z.int(), z.string()])
const statusText = (value: unknown): unknown => {
  const parts = Array.isArray(value) ? value : [value]
  return Code.array().safeParse(parts).success ? parts.join(',').replace(/\s+/g, '').toLowerCase() : value
}

const Listed = z.array(z.object({ name: z.string(), value: z.string() })).max(20)
const headersOf = (value: unknown): unknown => {
  const listed = Listed.safeParse(value)
  return listed.success ? Object.fromEntries(listed.data.map((one) => [one.name, one.value])) : value
}

/** Dokku's names; `status` is Berth's own. `false`, and an empty path, say no more than nothing. */
const HealthCheck = z
  .object({
    type: z.enum(checkPhases).default('startup'),
    name: z.string().max(100).regex(named, 'must not have control characters in it').default(''),
    path: z.preprocess((value) => (value === '' ? undefined : value), z.optional(shape.path)).exactOptional(),
    scheme: shape.scheme,
    port: shape.port,
    httpHeaders: z.preprocess(headersOf, shape.headers).exactOptional(),
    content: z.preprocess((value) => (value === '' ? undefined : value), z.optional(shape.content)).exactOptional(),
    status: z.preprocess(statusText, shape.status).exactOptional(),
    command: shape.command,
    listening: z.boolean().default(false),
    uptime: shape.uptime,
    attempts: shape.attempts,
    timeout: shape.timeout,
    wait: shape.wait,
    initialDelay: shape.initialDelay,
    warn: shape.warn,
  })
  .transform(({ type, name, path, content, httpHeaders, listening, ...rest }): DeclaredCheck => ({
    ...rest,
    ...(path === undefined ? {} : { path }),
    ...(content === undefined ? {} : { content }),
    ...(httpHeaders === undefined ? {} : { headers: httpHeaders }),
    ...(listening ? { listening: true } : {}),
    ...(name === '' ? {} : { name }),
    phase: type,
    file: 'app.json',
  }))
  .superRefine((check, context) => {
    const fault = faultOf(check)
    if (fault !== null) context.addIssue({ code: 'custom', message: fault })
  })

const aimless = 'says nothing to check: path, command, listening or uptime'

/** Process type -> its checks, as app.json has them: https://github.com/dokku/docker-container-healthchecker (file format) */
export const HealthChecks = z
  .record(z.string(), z.array(z.unknown()).max(mostChecks, `at most ${mostChecks} checks of a process type`))
  .pipe(z.record(z.string(), z.array(HealthCheck)))
  .superRefine((types, context) => {
    for (const [type, checks] of Object.entries(types))
      checks.forEach((check, at) => {
        if (type !== 'web' && strategyOf(check) === undefined)
          context.addIssue({ code: 'custom', path: [type, at], message: aimless })
      })
  })

/** The checks that an app brings along: those of app.json, and of its `CHECKS` where that says none of `web`. */
export function healthChecksOf(
  declared: DeclaredChecks,
  tree: Tree,
): { readonly healthchecks: DeclaredChecks; readonly notes: readonly string[] } {
  const old = Object.hasOwn(declared, 'web') ? null : readChecksFile(tree)
  if (old === null) return { healthchecks: declared, notes: [] }
  return { healthchecks: old.checks.length === 0 ? declared : { ...declared, web: old.checks }, notes: old.notes }
}
