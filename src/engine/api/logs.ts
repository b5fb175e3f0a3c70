import type { Containers } from '../containers/containers.js'
import { encoding } from '../containers/follower.js'
import { logDetails } from '../containers/log-details.js'
import { logLimits } from '../containers/log-files.js'
import { readLog } from '../containers/logs.js'
import { EngineError } from '../errors.js'
import { parseMoment } from '../system/timestamp.js'
import { contentTypeOf, frame } from './frames.js'
import { flag } from './query.js'
import type { ApiReply, ApiRequest } from './route.js'

/** `GET /containers/{id}/logs` */
export async function logs(containers: Containers, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { query, version, signal } = request
  const container = containers.catalog.find(request.params.id ?? '')
  const { config, hostConfig } = container.record
  const [stdout, stderr] = [flag(query, 'stdout'), flag(query, 'stderr')]
  if (!stdout && !stderr) throw new EngineError('invalid', 'Bad parameters: you must choose at least one stream')
  if (hostConfig.LogConfig.Type === 'none')
    throw new EngineError('unsupported', 'configured logging driver does not support reading')
  const tail = query.get('tail') ?? 'all'
  const momentOf = (name: string) => {
    const text = query.get(name)
    return text === null || text === '' || text === '0' ? {} : { [name]: parseMoment(text) }
  }
  const follow = flag(query, 'follow')
  const ended = new AbortController()
  const wanted = {
    stdout,
    stderr,
    follow,
    tail: tail === 'all' || tail === '' || Number.isNaN(Number(tail)) || Number(tail) < 0 ? Infinity : Number(tail),
    ...momentOf('since'),
    ...momentOf('until'),
  }
  if (!container.up) ended.abort()
  else if (follow)
    void container.nextExit(signal).then(
      () => ended.abort(),
      () => ended.abort(),
    )
  reply.raw.writeHead(200, { 'Content-Type': contentTypeOf(config.Tty, version) })
  reply.raw.flushHeaders()
  const path = containers.shop.store.places(container.id).log
  const details = flag(query, 'details') ? `${logDetails(container.record)} ` : ''
  for await (const line of readLog(
    path,
    logLimits(hostConfig).maxFile,
    wanted,
    AbortSignal.any([ended.signal, signal]),
  )) {
    if (signal.aborted) break
    const stamp = flag(query, 'timestamps') ? `${line.time} ` : ''
    const head = Buffer.from(line.begins ? `${stamp}${details}` : '')
    const text = Buffer.concat([head, Buffer.from(line.text, encoding)])
    if (!reply.raw.write(frame(line.stream, text, config.Tty)))
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
