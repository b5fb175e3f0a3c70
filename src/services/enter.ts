import type { Duplex } from 'node:stream'
import { FrameReader, type LogFrame } from '../engine-client/log-frames.js'
import { BerthError } from '../errors.js'
import type { OneOff, OneOffSpec } from '../scheduler/scheduler.js'
import type { Service } from '../store/services.js'
import { planOf } from './container.js'
import { serverOf, type ServiceDeps } from './server.js'

/**
 * Starts a command in a service's container for somebody to sit before: the client of its kind where no words are given.
 * When the signal aborts, what it reads ends.
 * @throws BerthError `conflict` where it does not run
 */
export async function enterService(
  deps: ServiceDeps,
  service: Service,
  { command, tty, columns, rows }: OneOffSpec,
  signal: AbortSignal,
): Promise<OneOff> {
  const { containers } = deps.engine
  const server = await serverOf(deps, service)
  if (server?.State.Running !== true)
    throw new BerthError('conflict', `${service.name} does not run`, `\`berth services:start ${service.name}\``)
  const words = command.length > 0 ? command : (await deps.plugins.get(service.kind)).connect(planOf(service))
  const { stream, resize, ended } = await containers.enter(server.Id, words, tty)
  if (tty) await resize(columns, rows).catch(() => undefined) // its end tells why
  signal.addEventListener('abort', () => stream.destroy(), { once: true })
  const exit = ended()
  exit.catch(() => undefined)
  return {
    process: service.name,
    stdin: stream,
    output: framesOf(stream, tty),
    exit,
    resize,
    kill: () => Promise.reject(new BerthError('invalid', 'no engine can send a signal to a command in a container')),
  }
}

async function* framesOf(stream: Duplex, tty: boolean): AsyncGenerator<LogFrame> {
  const reader = new FrameReader()
  try {
    // an async iterator of the stream itself would destroy it, and with it stdin, when its reader stops
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (tty) yield { stream: 'stdout', chunk }
      else yield* reader.read(chunk)
    }
  } catch {
    // cut off, by an engine that was killed or a client that left: `exit` tells how it ended
  }
}
