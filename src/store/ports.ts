import type { AppPort, PortProtocol, RoutedPort } from './routes.js'

export const portProtocols = ['tcp', 'udp'] as const satisfies readonly PortProtocol[]

/** How many ports of the machine an app may have. */
export const mostPorts = 20

/** What it is called: `5432/tcp`. */
export const portName = ({ port, protocol }: Pick<RoutedPort, 'port' | 'protocol'>): string => `${port}/${protocol}`

/** Ports that processes of a type are to listen on by TCP, each once. */
export const heardPorts = (ports: readonly AppPort[] | undefined, type: string): number[] => [
  ...new Set((ports ?? []).flatMap((one) => (one.type === type && one.protocol === 'tcp' ? [one.to] : []))),
]
