import { EngineError } from '../errors.js'

/**
 * The bytes that a client types to detach; Ctrl-P Ctrl-Q unless it says otherwise.
 * @throws EngineError `invalid` "Invalid escape keys (x) provided"
 */
export function detachKeys(text: string): Buffer {
  const keys = text === '' ? 'ctrl-p,ctrl-q' : text
  return Buffer.from(
    keys.split(',').map((key) => {
      const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]
      if (control !== undefined) return control.charCodeAt(0) & 0x1f
      // moby takes any single byte; one that is no text, %FF, is what a client gives that wants no keys
      if (key === '\ufffd') return 0xff
      if (!/^[\x20-\x7e]$/.test(key)) throw new EngineError('invalid', `Invalid escape keys (${text}) provided`)
      return key.charCodeAt(0)
    }),
  )
}
