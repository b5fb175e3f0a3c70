import { z } from 'zod'
import { isEmailPattern, isIssuer, isScope, isSsoText, ssoDefaults, ssoLimits } from '../../sso-rule.js'

const Text = z.string().refine((text) => isSsoText(text), `must be one line of 1 to ${ssoLimits.text} characters`)
const Entry = z
  .string()
  .refine((text) => isSsoText(text, ssoLimits.entry), `must be one line of 1 to ${ssoLimits.entry} characters`)
const list = (one: z.ZodType<string>) => z.array(one).max(ssoLimits.entries, `at most ${ssoLimits.entries}`)

const Issuer = z
  .string()
  .refine(isIssuer, 'must be a URL without user, query and fragment, as the issuer itself says it')
const Scope = z.string().refine(isScope, 'is no scope')
const Email = z.string().refine(isEmailPattern, 'must be me@example.com or *@example.com')
const Session = z
  .int('must be a whole number')
  .min(ssoLimits.leastSession, `at least ${ssoLimits.leastSession}`)
  .max(ssoLimits.session, `at most ${ssoLimits.session}, two weeks`)

/** A gate as it is shown: its secret is nobody's to read. */
export const SsoView = z.strictObject({
  issuer: z.string(),
  clientId: z.string(),
  isPublic: z.boolean().describe('the client has no secret'),
  scopes: z.array(z.string()),
  groupsClaim: z.string().describe('claim that names the groups of who signs in'),
  emails: z.array(z.string()).describe('of these one has to fit; everybody where there are none'),
  groups: z.array(z.string()).describe('of these one has to fit; everybody where there are none'),
  claims: z.record(z.string(), z.string()).describe('that all have to be so'),
  session: z.int().describe('seconds from one sign-in to the next'),
})

/** A gate as it is set. */
export const SsoEdit = z
  .strictObject({
    issuer: Issuer,
    clientId: Text,
    secret: Text.optional().describe('none for a client that is public'),
    scopes: list(Scope)
      .refine((all) => all.includes('openid'), 'must have openid among them')
      .default([...ssoDefaults.scopes]),
    groupsClaim: Entry.default(ssoDefaults.groupsClaim),
    emails: list(Email).default([]),
    groups: list(Entry).default([]),
    claims: z.record(Entry, Entry).default({}),
    session: Session.default(ssoDefaults.session),
  })
  .describe('takes the place of the one before, whose sessions end')
export type SsoEdit = z.output<typeof SsoEdit>
