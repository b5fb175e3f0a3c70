import { randomBytes } from 'node:crypto'
import type { Secrets } from '../buildpacks/buildpack.js'

/** How frameworks write a secret: Rails in hexadecimal, Laravel in base64, saying so. */
const written: Readonly<Record<Secrets[string], () => string>> = {
  hex: () => randomBytes(64).toString('hex'),
  base64: () => `base64:${randomBytes(32).toString('base64')}`,
}

/** New ones of the secrets that an app wants and does not have. */
export const missingSecrets = (
  wanted: Secrets | undefined,
  variables: Readonly<Record<string, string>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(wanted ?? {}).flatMap(([name, kind]) =>
      Object.hasOwn(variables, name) ? [] : [[name, written[kind]()]],
    ),
  )
