import { EngineError } from '../errors.js'
import type { ImageConfig } from '../records.js'
import { cutLines } from './lines.js'
import { parseInstruction } from './parse.js'
import { configure } from './settings.js'
import { emptyState } from './state.js'

const allowed = ['CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'LABEL', 'ONBUILD', 'USER', 'VOLUME', 'WORKDIR']

/**
 * A configuration after the instructions of `docker commit --change`, or import's.
 * @throws EngineError `invalid`, for instructions too that change more than the configuration
 */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const { lines, escape } = cutLines('change', `${changes.join('\n')}\n`)
  let state = { ...emptyState, config }
  for (const line of lines) {
    const [word = ''] = /^\S+/.exec(line.text) ?? []
    if (!allowed.includes(word.toUpperCase()))
      throw new EngineError('invalid', `${word.toLowerCase()} is not a valid change command`)
    state = configure(parseInstruction(line, escape), state, escape)
  }
  return state.config
}
