import { BerthError } from '../errors.js'

/** What is said of an app that is not there, or not any more. */
export const noApp = (name: string): BerthError =>
  new BerthError('missing', `no app named "${name.slice(0, 80)}"`, 'run `berth apps` to see them all')
