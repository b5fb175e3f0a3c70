import { sessionFrames } from '../engine-client/log-frames.js'
import { BerthError, is } from '../errors.js'
import type { OneOff, OneOffSpec } from '../scheduler/scheduler.js'
import type { Service } from '../store/services.js'
import { factsOf } from './facts.js'
import { serverOf, type ServiceLookDeps } from './server.js'

/**
 * Starts a command in a service's container for somebody to sit before: the client of its kind where no words are given.
 * When the signal aborts, what it reads ends.
 * @throws BerthError `conflict` where it does not run
 */
export async function enterService(
  deps: ServiceLookDeps,
  service: Service,
  { command, tty, columns, rows }: OneOffSpec,
  signal: AbortSignal,
): Promise<OneOff> {
  const { containers } = deps.engine
  const server = await serverOf(deps, service)
  if (server?.State.Running !== true)
    throw new BerthError('conflict', `${service.name} does not run`, `\`berth services:start ${service.name}\``)
  const words = command.length > 0 ? command : factsOf(service).connect
  const { stream, resize, ended } = await containers.enter(server.Id, words, tty)
  if (tty)
    await resize(columns, rows).catch((error: unknown) => {
      // one that has ended already has no terminal any more
      if (!is(error, 'unavailable')) return
      stream.destroy()
      throw error
    })
  signal.addEventListener('abort', () => stream.destroy(), { once: true })
  const exit = ended()
  exit.catch(() => undefined) // whoever waits for it is told; nobody may
  return {
    process: service.name,
    stdin: stream,
    output: sessionFrames(stream, tty),
    exit,
    resize,
    kill: () => Promise.reject(new BerthError('invalid', 'no engine can send a signal to a command in a container')),
  }
}
