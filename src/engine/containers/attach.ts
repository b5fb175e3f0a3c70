import { codeOf, EngineError } from '../errors.js'
import { Attachment } from '../runtime/attach.js'
import { bundleOf, type Container, type ContainerDeps } from './container.js'

/** A client's line to a container's streams. */
export interface Attached {
  readonly tty: boolean
  readonly openStdin: boolean
  /** undefined when none was asked for, the container has ended or never started, or the client has left. */
  readonly attachment: Attachment | undefined | Promise<Attachment | undefined>
}

/** Attaches to a container: before a start it catches the output from the first byte. @throws EngineError `conflict` */
export function attach(deps: ContainerDeps, container: Container, stream: boolean, signal: AbortSignal): Attached {
  const { config, state } = container.record
  if (state.status === 'paused')
    throw new EngineError('conflict', `container ${container.id} is paused, unpause the container before attach`)
  const attachment = !stream
    ? undefined
    : container.up
      ? openIfThere(deps, container)
      : beforeStart(deps, container, signal)
  container.emit(deps.events, 'attach')
  return { tty: config.Tty, openStdin: config.OpenStdin, attachment }
}

/** Nothing once the container has ended, of which its record may not yet tell. */
function openIfThere(deps: ContainerDeps, container: Container): Attachment | undefined {
  try {
    return Attachment.open(bundleOf(deps.config, container.id))
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** The attachment as it is between create and start, undefined when the start fails or the client leaves. */
function beforeStart(deps: ContainerDeps, container: Container, signal: AbortSignal): Promise<Attachment | undefined> {
  return new Promise((resolve) => {
    const onStart = (started: boolean): void => {
      signal.removeEventListener('abort', onLeave)
      resolve(started ? openIfThere(deps, container) : undefined)
    }
    const onLeave = (): void => {
      container.onStart.delete(onStart)
      resolve(undefined)
    }
    container.onStart.add(onStart)
    signal.addEventListener('abort', onLeave, { once: true })
  })
}
