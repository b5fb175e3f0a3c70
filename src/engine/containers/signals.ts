import { constants } from 'node:os'
import { EngineError } from '../errors.js'

/** Reads `TERM`, `SIGTERM` or `15`. @throws EngineError `invalid` */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  const known = (constants.signals as Readonly<Record<string, number>>)[name]
  const realtime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name)
  const number = known ?? (realtime ? 34 + Number(realtime[1] ?? 0) : Number(text))
  if (text === '' || !Number.isInteger(number) || number < 1 || number > 64)
    throw new EngineError('invalid', `Invalid signal: ${text}`)
  return number
}
