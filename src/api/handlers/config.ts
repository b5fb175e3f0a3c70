import { BerthError } from '../../errors.js'
import { configAfter } from '../../changes/config.js'
import type { HandlersOf } from '../handler.js'
import type { Platform } from '../platform.js'
import { viewOperation } from '../views.js'

// Linux refuses to exec with one string of the environment longer than this, NAME= and NUL included (execve(2), MAX_ARG_STRLEN)
const longest = 128 * 1024

const varName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** @throws BerthError `invalid`, naming the variable and never its value */
function checkName(name: string): void {
  const shown = name.slice(0, 80)
  if (!varName.test(name) || name.length > 255)
    throw new BerthError(
      'invalid',
      `"${shown}" is not the name of a config var`,
      'use letters, digits and underscores, beginning with a letter or an underscore',
    )
  if (name.startsWith('BERTH_'))
    throw new BerthError(
      'invalid',
      `the config var ${shown} is set by Berth itself`,
      'choose a name that does not begin with BERTH_',
    )
}

/** @throws BerthError `invalid`, `large` */
function checkValue(name: string, value: string): void {
  if (name === 'PORT' && !(/^[1-9]\d{0,4}$/.test(value) && Number(value) < 65_536))
    throw new BerthError('invalid', 'PORT is not a port number', 'use the one the app listens on, 1 to 65535')
  if (value.includes('\0'))
    throw new BerthError(
      'invalid',
      `the value of ${name} holds a NUL, which no environment can`,
      'encode it, as base64 for instance',
    )
  if (/\p{Surrogate}/u.test(value))
    throw new BerthError(
      'invalid',
      `the value of ${name} is not well-formed Unicode`,
      'encode it, as base64 for instance',
    )
  if (sizeOf(name, value) > longest)
    throw new BerthError(
      'large',
      `the value of ${name} is ${Buffer.byteLength(value)} bytes long, and Linux starts no process with more than 128 KiB in one variable`,
      'put it in a file of the app, or in a service',
    )
}

const sizeOf = (name: string, value: string): number => Buffer.byteLength(name) + Buffer.byteLength(value) + 2

export function configHandlers(platform: Platform): HandlersOf<'config'> {
  const { store } = platform
  return {
    get: async ({ app: name }) => {
      const app = await store.apps.get(name)
      return { ...(await store.releases.current(app)).config }
    },

    change: async ({ app: name, set = {}, unset = [] }) => {
      const app = await store.apps.get(name)
      const names = [...Object.keys(set), ...unset]
      if (names.length === 0)
        throw new BerthError('invalid', 'no config var to set or unset', 'name at least one in `set` or `unset`')
      for (const name of names) checkName(name)
      for (const [name, value] of Object.entries(set)) checkValue(name, value)
      const both = unset.find((name) => Object.hasOwn(set, name))
      if (both !== undefined)
        throw new BerthError('invalid', `the config var ${both} cannot be both set and unset`, 'name it once')

      const { config } = await store.releases.current(app)
      configAfter(config, { set, unset })
      return viewOperation(await platform.submit(app, { kind: 'config', set, unset }), app.name)
    },
  }
}
