import { Clients } from '../../../src/router/clients.js'
import { OpenPorts } from '../../../src/router/ports/open-ports.js'
import { Table } from '../../../src/router/table.js'
import type { Route, RoutedPort, Target } from '../../../src/store/routes.js'
import { freePort } from '../../free.js'
import { silent } from '../parts.js'

/** Ports of one app, over a real table. */
export interface PortsRig extends AsyncDisposable {
  readonly table: Table
  readonly ports: OpenPorts
  readonly port: number
  /** Targets that were drained. */
  readonly drained: string[]
  /** Has the port lead to these processes. */
  lead(targets: readonly Target[], more?: Partial<Route> & { readonly port?: Partial<RoutedPort> }): Promise<void>
}

/** @param each connections, and UDP sessions, of one client */
export async function portsRig(protocol: 'tcp' | 'udp', to: number, each = 100): Promise<PortsRig> {
  const drained: string[] = []
  const table = new Table((_, target) => drained.push(target))
  const clients = new Clients({ each, all: 1_000, exempt: () => false })
  const ports = new OpenPorts({ table, clients, clientSessions: each, log: silent, changed: () => undefined })
  const port = await freePort()
  let version = 0
  return {
    ...{ table, ports, port, drained },
    lead: async (targets, { port: given, ...more } = {}) => {
      const one: RoutedPort = { port, protocol, to, type: 'web', ...given }
      table.apply({ app: 'a', name: 'a', hosts: ['a.test'], targets, ports: [one], version: ++version, ...more })
      await ports.apply()
    },
    [Symbol.asyncDispose]: () => ports.close(),
  }
}
