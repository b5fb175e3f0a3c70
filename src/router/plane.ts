import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../config.js'
import type { Logger } from '../log.js'
import { requestIdMark, type DataPlane, type PlanePage, type PlanePlace } from '../plugins/kinds/router.js'
import { loadPlane, planeDirectories, planeListeners } from '../plugins/planes.js'
import type { FollowedPlane } from './follower.js'
import { answerTo, type ErrorKind } from './pages.js'
import { CertificateChoice, planeStateOf, type PlaneSources } from './plane-state.js'
import type { KeyPair } from './self-signed.js'
import type { Table } from './table.js'

/** What a plane may have to say by itself. */
const planesOwn = [
  'bad-request',
  'client-too-slow',
  'hung-up',
  'not-running',
  'too-slow',
] as const satisfies ErrorKind[]

const pageOf = (kind: ErrorKind): PlanePage => {
  const { status, headers, body } = answerTo(kind, { id: requestIdMark }, 'text/html')
  return { status, headers, body }
}

/** What a plane in front of the router is driven with. */
export interface PlaneDeps {
  readonly config: Config
  readonly table: Table
  readonly certificates: () => PlaneSources['certificates']
  readonly fallback: KeyPair | undefined
  readonly log: Logger
  /** A process that the plane had requests of may have ended them. */
  readonly drained: (app: string) => void
}

/** Drives the data plane that the settings name. Its program can be started when this resolves. @throws BerthError as `loadPlane` */
export async function drivePlane(name: string, deps: PlaneDeps): Promise<FollowedPlane & AsyncDisposable> {
  const { config, table, certificates, fallback, log, drained } = deps
  const plugin = await loadPlane(name, config, log)
  const place: PlanePlace = {
    ...planeDirectories(config),
    frontSocket: config.frontSocket,
    listeners: planeListeners(config),
    trustedProxies: config.trustedProxies,
    proxyProtocol: config.proxyProtocol,
    clientConnections: config.clientConnections,
    pages: planesOwn.map(pageOf),
    fallback: fallback === undefined ? null : fallback.chain + fallback.key,
  }
  const choice = new CertificateChoice()
  const state = () =>
    planeStateOf(
      {
        routes: table.routes(),
        ownerOf: (host) => table.ownerOf(host),
        api: config.appHost('berth'),
        certificates: certificates(),
      },
      choice,
    )
  await mkdir(place.directory, { recursive: true, mode: 0o700 })
  await mkdir(dirname(place.frontSocket), { recursive: true, mode: 0o700 })
  const plane: DataPlane = await plugin.drive(place, { drained }, state())
  return {
    apply: () => plane.apply(state()),
    busy: (app) => plane.busy(app, table.route(app)?.targets ?? []),
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  }
}
