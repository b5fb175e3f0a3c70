import { z } from 'zod'

/** A setting that is shown to nobody. */
export const secret = (): z.ZodString => z.string().min(1).meta({ secret: true })

function isSafeUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && /^(127\.|localhost$|\[::1\]$)/.test(url.hostname))
}

/** A setting that is where something is asked: https, or http of this machine. */
export const url = (): z.ZodString => z.string().refine(isSafeUrl, 'must be an https URL, or http of this machine')

/** A setting that lists DNS zones. */
export const zones = (): z.ZodString =>
  z
    .string()
    .regex(/^[\w.-]+([\s,]+[\w.-]+)*$/, 'must be zones, separated by commas')
    .describe('zones that it has, separated by commas: example.com, example.org')
