import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { BerthError } from '../../errors.js'
import { discover } from '../../sso/discovery.js'
import type { SsoRule } from '../../sso-rule.js'
import type { SsoEdit, SsoView } from './sso.js'

/** A gate as it is shown. */
export const viewSso = (rule: SsoRule | undefined): z.output<typeof SsoView> | null =>
  rule
    ? {
        ...{ issuer: rule.issuer, clientId: rule.clientId, isPublic: rule.secret === undefined },
        ...{ scopes: [...rule.scopes], groupsClaim: rule.groupsClaim, session: rule.session },
        ...{ emails: [...(rule.emails ?? [])], groups: [...(rule.groups ?? [])], claims: { ...rule.claims } },
      }
    : null

/** What a gate is called: sessions are of it alone. */
const newId = (): string => randomBytes(16).toString('base64url')

/**
 * A gate, after a look at its issuer.
 * @param trusted hosts that may have private addresses
 * @throws BerthError `invalid`, `denied`, `unavailable`: see `discover`
 */
export async function prepareSso(edit: SsoEdit, trusted: readonly string[]): Promise<SsoRule> {
  await discover(edit.issuer, { trusted })
  const { issuer, clientId, secret, scopes, groupsClaim, emails, groups, claims, session } = edit
  return {
    ...{ id: newId(), issuer, clientId, scopes, groupsClaim, session },
    ...(secret === undefined ? {} : { secret }),
    ...(emails.length > 0 ? { emails } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(Object.keys(claims).length > 0 ? { claims } : {}),
  }
}

/** The same gate with none of its sessions. @throws BerthError `missing` where there is none */
export function withoutSessions(rule: SsoRule | undefined, app: string): SsoRule {
  if (!rule) throw new BerthError('missing', `nobody signs in to ${app}`, `see \`berth access -a ${app}\``)
  return { ...rule, id: newId() }
}
