import { may, type Caller } from '../../access/caller.js'
import type { Config } from '../../config.js'
import { BerthError } from '../../errors.js'
import { isInRanges, leastPort, shownRanges } from '../../lib/port-ranges.js'
import type { App } from '../../store/apps.js'
import { HostnameTaken } from '../../store/domains.js'
import { mostPorts, portName, portProtocols } from '../../store/ports.js'
import { claimsOf, type Applied, type AppPort, type Route, type RoutedPort } from '../../store/routes.js'
import { checkType } from '../../changes/checks.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { thenRouted, whenRouted } from '../routed.js'
import type { PortView } from './contract.js'
import { isOthers, probePort } from './probe.js'

type Named = Pick<RoutedPort, 'port' | 'protocol'>

export const portHandlers = (platform: ControlApiDeps): HandlersOf<'ports'> => ({
  list: listHandler(platform),
  add: addHandler(platform),
  remove: thenRouted(platform, removeHandler(platform)),
})

const isSame = (one: Named, other: Named): boolean => one.port === other.port && one.protocol === other.protocol

/** What is known of ports of an app, in their order. */
async function viewPorts({ store }: ControlApiDeps, id: string, all: readonly AppPort[]): Promise<PortView[]> {
  const [route, applied] = await Promise.all([store.routes.get(id), store.routes.lastApplied(id)])
  return all.map((port) => viewPort(port, route, applied)).sort((a, b) => a.port - b.port)
}

function viewPort(port: AppPort, route: Route | null, applied: Applied | null): PortView {
  const { targets = [], others = [] } = route ?? {}
  const led = port.type === 'web' ? targets : others.filter(({ process }) => process.startsWith(`${port.type}.`))
  return {
    ...{ port: port.port, protocol: port.protocol, to: port.to, type: port.type },
    ...{ proxyProtocol: port.introduced === true, createdAt: port.createdAt, processes: led.length },
    problem: applied?.unopened?.[portName(port)] ?? null,
  }
}

const listHandler =
  (platform: ControlApiDeps): HandlersOf<'ports'>['list'] =>
  (_, { app }) =>
    viewPorts(platform, app.id, app.ports ?? [])

const addHandler =
  (platform: ControlApiDeps): HandlersOf<'ports'>['add'] =>
  async ({ port, protocol = 'tcp', to = port, type = 'web', proxyProtocol = false }, { app, caller }) => {
    const { config, store } = platform
    const asked = { port, protocol, to, type, ...(proxyProtocol && { introduced: true as const }) }
    checkPort(asked, config)
    checkType(type, app, await store.releases.current(app))
    // one that an app has is open, and whoever comes to it now is not to be received here
    const [claim = ''] = claimsOf({ hosts: [], ports: [asked] })
    if ((await store.routes.ownerOf(claim)) === null) await probePort(asked)
    const before = app.ports?.find((one) => isSame(one, asked))
    await store.apps
      .update(app.id, (now) => ({ ports: withPort(now, asked) }))
      .catch((error: unknown) => sayWhose(platform, error, caller))
    await whenRouted(store, app.id)
    const { ports = [] } = (await store.apps.find(app.id)) ?? {}
    const [view] = await viewPorts(
      platform,
      app.id,
      ports.filter((one) => isSame(one, asked)),
    )
    if (!view)
      throw new BerthError('conflict', `port ${portName(asked)} was taken from ${app.name} meanwhile`, 'try again')
    if (view.problem === null || before) return view
    // somebody else opened it between our look and the router's
    await store.apps.update(app.id, (now) => ({ ports: now.ports?.filter((one) => !isSame(one, asked)) ?? [] }))
    throw isOthers(asked)
  }

/** @throws BerthError `invalid`, `denied` */
function checkPort({ port, protocol, introduced }: RoutedPort, config: Config): void {
  const own = port === config.httpPort ? 'HTTP' : port === config.httpsPort ? 'HTTPS' : undefined
  if (own !== undefined && protocol === 'tcp')
    throw new BerthError('invalid', `port ${port} is Berth's own: it listens there for ${own}`, 'choose another port')
  if (port < leastPort)
    throw new BerthError(
      'invalid',
      `port ${port} is below ${leastPort}, where only root may listen`,
      `the router is not root; choose one of ${shownRanges(config.ports)}`,
    )
  if (!isInRanges(config.ports, port))
    throw new BerthError(
      'denied',
      `apps may not have port ${port} of this machine`,
      config.ports.length === 0
        ? 'they may have none (BERTH_PORTS), which whoever runs this Berth can change'
        : `they may have ${shownRanges(config.ports)} (BERTH_PORTS)`,
    )
  if (introduced && protocol === 'udp')
    throw new BerthError('invalid', 'datagrams are not introduced: the PROXY protocol is for tcp', 'leave it off')
}

/** In the place of what it had of that port. @throws BerthError `conflict` when they are too many */
function withPort({ name, ports = [] }: App, port: RoutedPort): AppPort[] {
  const createdAt = ports.find((one) => isSame(one, port))?.createdAt ?? new Date().toISOString()
  const after = [...ports.filter((one) => !isSame(one, port)), { ...port, createdAt }]
  if (after.length <= mostPorts) return after
  throw new BerthError('conflict', `an app has ${mostPorts} ports at most, and ${name} would have ${after.length}`)
}

/** Says who has a port to those who may see that app. */
async function sayWhose({ store }: ControlApiDeps, error: unknown, caller: Caller): Promise<never> {
  if (!(error instanceof HostnameTaken) || !error.host.startsWith(':')) throw error
  const name = error.host.slice(1)
  const owner = await store.apps.find(error.owner)
  const [whose, hint] =
    owner !== null && may(caller, 'view', owner)
      ? [owner.name, `\`berth ports:remove ${name.replace('/', ':')} -a ${owner.name}\` takes it from there`]
      : ['another app', 'choose another port']
  throw new BerthError('conflict', `port ${name} leads to ${whose}; nothing was added`, hint, error)
}

const removeHandler =
  (platform: ControlApiDeps): HandlersOf<'ports'>['remove'] =>
  async ({ port: text }, { app }) => {
    const { store } = platform
    const [, number = '', word = 'tcp'] = /^(\d{1,5})(?::(\w+))?$/.exec(text) ?? []
    const protocol = portProtocols.find((one) => one === word)
    if (number === '' || protocol === undefined)
      throw new BerthError('invalid', `"${text}" is no port`, 'write it as 5432:tcp or 53:udp')
    const asked = { port: Number(number), protocol }
    const [view] = await viewPorts(platform, app.id, app.ports?.filter((one) => isSame(one, asked)) ?? [])
    if (!view)
      throw new BerthError(
        'missing',
        `${app.name} has no port ${portName(asked)}`,
        `see \`berth ports -a ${app.name}\``,
      )
    await store.apps.update(app.id, ({ ports = [] }) => ({ ports: ports.filter((one) => !isSame(one, asked)) }))
    return view
  }
