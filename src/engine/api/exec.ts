import type { Containers } from '../containers/containers.js'
import type { Exec } from '../containers/exec.js'
import { EngineError, messageOf } from '../errors.js'
import { type Fields, fieldsOf, flagField, listField } from '../system/fields.js'
import { bodies } from './bodies.js'
import { contentTypeOf, frame, writeDrained } from './frames.js'
import { hangUp } from './hang-up.js'
import { passInput } from './input.js'
import { exitCodeFor } from './older-words.js'
import { terminalSize } from './query.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

/** `/containers/{id}/exec` and `/exec` */
export const execRoutes = (containers: Containers): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    handle: async (request, reply) => {
      const spec = await request.json(bodies.execCreate)
      reply.json(201, { Id: containers.createExec(request.params.id ?? '', spec).id })
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    hijacks: true,
    handle: async (request, reply) => {
      const spec = fieldsOf(await request.json(bodies.execStart))
      await start(containers.exec(request.params.id ?? ''), spec, { request, reply })
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/resize',
    handle: ({ params, query }, reply) => {
      const size = terminalSize(query)
      containers.exec(params.id ?? '').resize(...size)
      reply.empty(200)
    },
  },
  {
    method: 'GET',
    path: '/exec/{id}/json',
    handle: ({ params, version }, reply) => reply.json(200, describe(containers.exec(params.id ?? ''), version)),
  },
]

function describe({ id, container, request, running, exitCode, pid }: Exec, version: number): object {
  const [entrypoint, ...args] = request.args
  return {
    ID: id,
    Running: running,
    ExitCode: exitCodeFor(version, exitCode, pid !== 0),
    ProcessConfig: {
      tty: request.tty,
      entrypoint,
      arguments: args,
      privileged: request.privileged,
      ...(request.user === '' ? {} : { user: request.user }),
    },
    OpenStdin: request.stdin,
    OpenStderr: request.stderr,
    OpenStdout: request.stdout,
    CanRemove: false,
    ContainerID: container.id,
    DetachKeys: '',
    Pid: pid,
  }
}

async function start(
  exec: Exec,
  fields: Fields,
  { request, reply }: { request: ApiRequest; reply: ApiReply },
): Promise<void> {
  if (exec.started) throw new EngineError('conflict', `Error: Exec command ${exec.id} has already run`)
  if (flagField(fields, 'Detach')) {
    await new Promise<void>((started, failed) => {
      exec.run({ onOutput: () => undefined }, () => exec.end(), { started }).catch(failed)
    })
    reply.empty(200)
    return
  }
  const { tty, stdin, stdout, stderr } = exec.request
  // as dockerd: how the output is sent is asked for here, whether it is a terminal's was when the command was made
  const raw = flagField(fields, 'Tty')
  const [rows, columns] = listField(fields, 'ConsoleSize').map(Number)
  exec.refuseStopped()
  const client = await reply.hijack(contentTypeOf(raw, request.version))
  const shown = { stdout: stdout || tty, stderr }
  const ready = (): void => {
    if (!stdin) {
      if (!tty) exec.end()
      client.resume()
      return
    }
    passInput(client, {
      write: (chunk) => exec.write(chunk),
      end: () => exec.end(),
      detach: () => hangUp(client),
      ...(tty ? { keys: exec.request.detachKeys } : {}),
    })
  }
  const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> | undefined =>
    shown[stream] ? writeDrained(client, frame(stream, chunk, raw)) : undefined
  try {
    await exec.run({ onOutput }, ready, { size: rows && columns ? [rows, columns] : undefined })
  } catch (error) {
    // the answer has begun: dockerd, too, says it where the output would be
    await writeDrained(client, frame('stdout', Buffer.from(`${messageOf(error)}\r\n`), raw))
  }
  hangUp(client)
}
