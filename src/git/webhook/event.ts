import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { BerthError } from '../../errors.js'
import type { GitSource } from '../../store/apps.js'
import { isZero } from '../commands.js'
import { isCommit } from '../sync/source.js'

/** What a webhook tells: that it works, that refs have moved, or something that is none of our business. */
export type WebhookEvent =
  | { readonly kind: 'ping' }
  | { readonly kind: 'other'; readonly name: string }
  | { readonly kind: 'push'; readonly refs: readonly string[] | null; readonly defaultBranch: string | null }

const Named = z.object({ default_branch: z.string().optional() }).optional()

/** What GitHub, Gitea and GitLab send of a push, as far as it is looked at. */
const Push = z.object({
  ref: z.string().optional(),
  after: z.string().optional(),
  deleted: z.boolean().optional(),
  repository: Named,
  project: Named,
})

/** Bitbucket Cloud. */
const CloudRef = z.object({ type: z.string(), name: z.string() }).nullish()
const CloudPush = z.object({ push: z.object({ changes: z.array(z.object({ new: CloudRef })) }) })

/** Bitbucket Data Center. */
const CenterPush = z.object({
  changes: z.array(z.object({ ref: z.object({ id: z.string() }), type: z.string().optional() })),
})

/** @throws BerthError `invalid` for a body that is not JSON, or not what such an event has */
export function readEvent(headers: IncomingHttpHeaders, body: Buffer): WebhookEvent {
  const name = nameOf(headers)
  if (/^(ping|diagnostics:ping)$/.test(name)) return { kind: 'ping' }
  if (!/^(push|push hook|tag push hook|create|repo:push|repo:refs_changed|)$/i.test(name))
    return { kind: 'other', name }
  const text = body.toString('utf8')
  if (name === '' && text.trim() === '') return { kind: 'push', refs: null, defaultBranch: null }
  const payload = parse(headers, text)
  if (name === 'repo:push') {
    const refs = read(CloudPush, payload).push.changes.flatMap((change) => change.new ?? [])
    const named = refs.map((ref) => `refs/${ref.type === 'tag' ? 'tags' : 'heads'}/${ref.name}`)
    return { kind: 'push', refs: named, defaultBranch: null }
  }
  if (name === 'repo:refs_changed') {
    const kept = read(CenterPush, payload).changes.filter(({ type }) => type !== 'DELETE')
    return { kind: 'push', refs: kept.map(({ ref }) => ref.id), defaultBranch: null }
  }
  const { ref, after, deleted, repository, project } = read(Push, payload)
  const defaultBranch = repository?.default_branch ?? project?.default_branch ?? null
  if (ref === undefined) return { kind: 'push', refs: name === '' ? null : [], defaultBranch }
  const gone = deleted === true || (after !== undefined && isZero(after))
  // `create` says `v1` where a push says `refs/tags/v1`, and comes beside it
  return { kind: 'push', refs: gone || !ref.startsWith('refs/') ? [] : [ref], defaultBranch }
}

function nameOf(headers: IncomingHttpHeaders): string {
  const names = ['x-github-event', 'x-gitea-event', 'x-forgejo-event', 'x-gitlab-event', 'x-event-key']
  const name = names.map((one) => headers[one]).find((value) => typeof value === 'string')
  return typeof name === 'string' ? name.slice(0, 80) : ''
}

/** GitHub can be told to send a form with the JSON in it; curl says that it sends one, whatever it sends. */
function parse(headers: IncomingHttpHeaders, text: string): unknown {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  try {
    return JSON.parse(isForm ? (new URLSearchParams(text).get('payload') ?? text) : text)
  } catch (error) {
    throw new BerthError(
      'invalid',
      'the body is not JSON',
      'choose application/json where the webhook is set up',
      error,
    )
  }
}

function read<T extends z.ZodType>(schema: T, payload: unknown): z.output<T> {
  const { success, data } = schema.safeParse(payload)
  if (success) return data
  throw new BerthError('invalid', 'the body is not what such an event has', 'send pushes alone')
}

/** Whether what has moved is what an app is kept from. */
export function concerns({ ref }: GitSource, { refs, defaultBranch }: WebhookEvent & { kind: 'push' }): boolean {
  if (refs === null) return true
  if (ref !== null && isCommit(ref)) return false
  // without the name of the default branch any branch may be it; the sync finds out
  if (ref === null)
    return refs.some((one) =>
      defaultBranch === null ? one.startsWith('refs/heads/') : one === `refs/heads/${defaultBranch}`,
    )
  return refs.some((one) => [ref, `refs/heads/${ref}`, `refs/tags/${ref}`].includes(one))
}
