import type { Containers } from '../containers/containers.js'
import { encoding } from '../containers/follower.js'
import { EngineError } from '../errors.js'
import { parseTimestamp } from '../system/timestamp.js'
import { contentTypeOf, frame } from './frames.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest } from './route.js'

/** `GET /containers/{id}/logs` */
export async function logs(containers: Containers, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, version, signal } = request
  const log = containers.log(request.params.id ?? '')
  const [stdout, stderr] = [flag(query, 'stdout'), flag(query, 'stderr')]
  if (!stdout && !stderr) throw new EngineError('invalid', 'Bad parameters: you must choose at least one stream')
  log.refuseUnkept()
  const tail = query.get('tail') ?? 'all'
  const momentOf = (name: string) => {
    const text = query.get(name)
    return text === null || text === '' || text === '0' ? {} : { [name]: parseTimestamp(text) }
  }
  const wanted = {
    stdout,
    stderr,
    follow: flag(query, 'follow'),
    tail: tail === 'all' || tail === '' || Number.isNaN(Number(tail)) || Number(tail) < 0 ? Infinity : Number(tail),
    ...momentOf('since'),
    ...momentOf('until'),
  }
  if (!wanted.follow) await log.whenBegun(signal)
  const lines = log.read(wanted, signal)
  reply.raw.writeHead(200, { 'Content-Type': contentTypeOf(log.tty, version) })
  reply.raw.flushHeaders()
  const details = flag(query, 'details') ? `${log.details} ` : ''
  for await (const line of lines) {
    if (signal.aborted) break
    const stamp = flag(query, 'timestamps') ? `${line.time} ` : ''
    const head = Buffer.from(line.begins ? `${stamp}${details}` : '')
    const text = Buffer.concat([head, Buffer.from(line.text, encoding)])
    if (!reply.raw.write(frame(line.stream, text, log.tty)))
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          reply.raw.off('drain', settle).off('close', settle)
          resolve()
        }
        reply.raw.on('drain', settle).on('close', settle)
      })
  }
  reply.raw.end()
}
