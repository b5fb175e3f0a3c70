import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, EngineError } from '../errors.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'

/** conmon's control message that sets the size of the terminal. */
const windowSize = 1

/** Sets the size of a container's terminal, in characters. @throws EngineError `conflict` when it does not run */
export function resize(deps: ContainerDeps, container: Container, rows: number, columns: number): void {
  const stopped = (cause?: unknown) => new EngineError('conflict', `container ${container.id} is not running`, cause)
  if (!container.up) throw stopped()
  if (!(rows >= 0 && rows < 65536 && columns >= 0 && columns < 65536))
    throw new EngineError('invalid', `invalid terminal size ${rows}x${columns}`)
  let fifo: number
  try {
    fifo = openSync(join(bundleOf(deps.config, container.id), 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) !== 'ENXIO' && codeOf(error) !== 'ENOENT') throw error
    throw stopped(error) // its monitor has just ended
  }
  try {
    writeSync(fifo, `${windowSize} ${rows} ${columns}\n`)
  } finally {
    closeSync(fifo)
  }
}
