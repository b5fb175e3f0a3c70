import type { Builder } from '../build/builder.js'
import { type BuildContext, fetchContext, openContext, receiveContext } from '../build/context.js'
import type { GitSurroundings } from '../build/git.js'
import { pruneFilters } from '../build/items.js'
import { StepFailure } from '../build/run.js'
import { memoriesOf } from '../build/sources.js'
import { listOf, readAgents, readEarly, readSecrets, readVariables } from '../build/secrets.js'
import type { EngineConfig } from '../config.js'
import { codeOf, EngineError, messageOf } from '../errors.js'
import type { ImageStore } from '../images/store.js'
import type { StepNetwork } from '../records.js'
import { keyringOfHeader } from '../registry/credentials.js'
import { withinReserve } from '../system/space.js'
import { parseFilters } from '../system/filters.js'
import { readOptions } from './build-options.js'
import { errorsShownFor } from './older-words.js'
import { count, flag } from './query.js'
import type { ApiReply, ApiRequest, ApiRoute } from './route.js'

/** What the build endpoints stand on. */
export interface BuildApi {
  readonly config: EngineConfig
  readonly builder: Builder
  readonly images: ImageStore
  /** Makes something of a network mode. @throws EngineError `missing` */
  readonly network: (mode: string) => Promise<StepNetwork>
}

/** `/build` and below: the classic builder's protocol. */
export const buildRoutes = (api: BuildApi): readonly ApiRoute[] => [
  {
    method: 'POST',
    path: '/build',
    partly:
      'refused: squash, cgroupparent, securityopt, other platforms and BuildKit (version=2); rm and forcerm change nothing, for no container is kept',
    handle: (request, reply) => build(api, request, reply),
  },
  {
    method: 'POST',
    path: '/build/prune',
    handle: async ({ query }, reply) => {
      const filters = parseFilters(query, pruneFilters)
      const keep = Math.max(count(query, 'keep-storage'), count(query, 'reserved-space'))
      reply.json(200, await api.builder.prune({ all: flag(query, 'all'), keep, filters }))
    },
  },
]

/**
 * A parameter beyond Docker's: `directory`, the absolute path of a directory of this machine, is built as it lies there:
 * nothing is sent, and only what changed since its last build is read. Only for a client on the unix socket; a build of a
 * directory that changes meanwhile fails. (`remote` takes no file: URL, as Docker's: services pass on what users say.)
 *
 * Headers beyond Docker's, for what the classic protocol has no session for:
 *
 * - `X-Build-Secrets`: base64url of a JSON object, secret id to base64 of its value. A `RUN --mount=type=secret` that names
 *   the id gets it as a file in memory (0400, `/run/secrets/<id>`) or as a variable (`env=`). It is in no layer, record
 *   or cache key, and masked in the build's log.
 * - `X-Build-Env`: base64url of a JSON object, name to value: variables of every RUN step, over those of the image. They are
 *   in no layer, image or history.
 * - `X-Build-Env-Early`: which of them a RUN sees before its stage has the whole context (`COPY . .`), names or beginnings
 *   (`NPM_*`) between commas; all unless it is given.
 * - `X-Build-Args-Hidden`: names of build args, between commas: the image's history has `***` in place of their values.
 * - `X-Build-Unkeyed`: names of variables and build args, between commas: a step that had others of these is the same step.
 * - `X-Build-Pull: if-reached`: as `pull=1`, but an image that is here is used, with a warning, where its registry is
 *   not reached, or does not have it and it was made here.
 * - `X-Build-Ssh`: base64url of a JSON object, agent id to the absolute path of its socket on this machine, for
 *   `RUN --mount=type=ssh`. Only from a client on this machine, and only when the engine was started with `--build-ssh`.
 */
async function build(api: BuildApi, request: ApiRequest, reply: ApiReply): Promise<void> {
  const { builder, images, config } = api
  const { query, signal, raw } = request
  const extras = stepExtrasOf(request)
  const { agents } = extras
  if (agents.size > 0 && (config.build?.ssh !== true || raw.socket.remoteAddress !== undefined))
    throw new EngineError('denied', 'this engine gives builds no ssh agent: it must be started with --build-ssh')
  const quiet = flag(query, 'q')
  const options = await readOptions(query, api.network)
  images.pool.warm()
  let out: ReturnType<ApiReply['stream']> | undefined
  const write = (record: unknown): Promise<void> => (out ??= reply.stream()).write(record)
  try {
    await using sandbox = builder.begin(options.room.network)
    const around = { env: config.buildEnv, agent: agents.get('default'), signal, sandbox }
    await using context = await contextOf(api, request, options.file, around)
    const log = async (text: string): Promise<void> => {
      if (!quiet && text !== '') await write({ stream: text })
    }
    const keyring = keyringOfHeader(headerOf(request, 'x-registry-config'))
    const pull = headerOf(request, 'x-build-pull') === 'if-reached' ? ('if-reached' as const) : options.pull
    const given = { ...extras, pull, keyring, errors: errorsShownFor(request.version) }
    const image = await builder.build({ ...options, ...given, context, sandbox, signal, out: log })
    if (quiet) await write({ stream: `${image.id}\n` })
    else {
      await write({ aux: { ID: image.id, Memory: sandbox.memoryTaken() } })
      await write({ stream: `Successfully built ${image.id.slice(7, 19)}\n` })
      for (const name of options.names) await write({ stream: `Successfully tagged ${name}\n` })
    }
    // the client need not wait until what it sent is removed
    out?.end()
  } catch (error) {
    if (signal.aborted) return
    const told = explain(error)
    if (!out) throw told
    const code = error instanceof StepFailure ? error.exitCode : undefined
    await write({
      errorDetail: { ...(code === undefined ? {} : { code }), message: told.message },
      error: told.message,
    })
    out.end()
  }
}

/** What a request's headers give its steps beside what the Dockerfile says. */
const stepExtrasOf = (request: ApiRequest) => ({
  secrets: readSecrets(headerOf(request, 'x-build-secrets')),
  variables: readVariables(headerOf(request, 'x-build-env')),
  early: readEarly(headerOf(request, 'x-build-env-early')),
  hidden: new Set(listOf(headerOf(request, 'x-build-args-hidden'))),
  unkeyed: new Set(listOf(headerOf(request, 'x-build-unkeyed'))),
  agents: readAgents(headerOf(request, 'x-build-ssh')),
})

/** What the client sends, or else what `directory` or `remote` name. */
function contextOf(
  { images, config }: BuildApi,
  { query, raw, signal }: ApiRequest,
  dockerfile: string,
  around: GitSurroundings,
): Promise<BuildContext> {
  const directory = query.get('directory') ?? ''
  const remote = query.get('remote') ?? ''
  if (directory !== '') {
    if (raw.socket.remoteAddress !== undefined)
      throw new EngineError('denied', 'a directory of this machine is built only for clients on its unix socket')
    if (remote !== '') throw new EngineError('invalid', 'directory and remote cannot both be the context')
    return openContext(images, directory, dockerfile, memoriesOf(config))
  }
  return withinReserve({ ...config, signal }, (within) =>
    remote === '' || remote === 'client-session'
      ? receiveContext(images, raw, dockerfile, within)
      : fetchContext(images, remote, dockerfile, { ...around, signal: within }),
  )
}

function explain(error: unknown): EngineError {
  if (codeOf(error) === 'ENOSPC')
    return new EngineError('full', `no space left on device: the build was undone (${messageOf(error)})`, error)
  return error instanceof EngineError ? error : new EngineError('broken', messageOf(error), error)
}

function headerOf({ raw }: ApiRequest, name: string): string | undefined {
  const value = raw.headers[name]
  return Array.isArray(value) ? value.join('') : value
}
