import { randomBytes } from 'node:crypto'
import { checkVariable } from '../changes/config.js'
import { BerthError } from '../errors.js'
import type { AskedVariable } from './app-json.js'

type Variables = Readonly<Record<string, string>>

/**
 * The config vars that an app gets by its app.json: those that it does not have, and those that are set anew at each deploy
 * (`sync`). A secret is made once.
 * @param variables those that it has; an empty one is as good as none, as with Dokku
 * @param linked those that it has of the services that it is linked to
 * @throws BerthError `invalid` that names all that are required and have no value, or one that cannot be a config var
 */
export function variablesAsked(
  env: Readonly<Record<string, AskedVariable>>,
  variables: Variables,
  linked: readonly string[] = [],
): Variables {
  const has = (name: string): boolean => Object.hasOwn(variables, name) && variables[name] !== ''
  const given: [string, string][] = []
  const missing: string[] = []
  for (const [name, { value, required, generator, sync }] of Object.entries(env)) {
    if (linked.includes(name)) continue
    if (has(name) && !(sync && value !== '' && generator === undefined)) continue
    if (value !== '') given.push([name, value])
    else if (generator === 'secret') given.push([name, randomBytes(32).toString('hex')])
    else if (required) missing.push(name)
  }
  if (missing.length > 0)
    throw new BerthError(
      'invalid',
      `app.json asks for ${missing.length === 1 ? 'a config var that is' : 'config vars that are'} not set: ${missing.join(', ')}`,
      `set ${missing.length === 1 ? 'it' : 'them'} with \`berth config:set ${missing.map((name) => `${name}=…`).join(' ')}\`, and push again`,
    )
  for (const [name, value] of given) checkVariable(name, value)
  return Object.fromEntries(given)
}
