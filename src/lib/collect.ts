import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: ((options: object) => void) | undefined

/** Has V8 collect garbage now. @param how as `gc()` of `--expose-gc` takes it */
export function collectGarbage(how: {
  readonly type: 'major' | 'minor'
  readonly execution: 'sync'
  readonly flavor?: 'last-resort'
}): void {
  collect ??= exposed()
  collect(how)
}

/** Programs that this process loads do not see it. */
function exposed(): (options: object) => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  return gc
}
