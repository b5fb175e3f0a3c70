import { BerthError } from '../errors.js'

/** An order that comes to nothing: the next attempt makes a new one. */
export class Lost extends BerthError {}

export const lost = (message: string, hint?: string): Lost => new Lost('conflict', message, hint)
