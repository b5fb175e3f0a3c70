/** One process that requests go to. */
export interface PlaneTarget {
  /** Container id. */
  readonly id: string
  readonly host: string
  readonly port: number
}

/** A certificate, and the hostnames that it is shown for. */
export interface PlaneCertificate {
  /** `[\w.-]+`. */
  readonly id: string
  /** PEM. */
  readonly chain: string
  /** PEM. */
  readonly key: string
  /** Lower case; a wildcard as `*.example.org`. */
  readonly hosts: readonly string[]
}

/** What a data plane is to serve. All that is not in it, or leads to null, goes to the router as it came. */
export interface PlaneState {
  /** Hostname, or wildcard as `*.example.org`, of which a very hostname goes before -> app; null: the router's. */
  readonly plain: ReadonlyMap<string, string | null>
  /** The same of what comes by TLS. */
  readonly secure: ReadonlyMap<string, string | null>
  /** App -> its processes, asked in turn. */
  readonly targets: ReadonlyMap<string, readonly PlaneTarget[]>
  /** The same list as before where none has changed. */
  readonly certificates: readonly PlaneCertificate[]
}

/** Stands in a page for the id of the request. */
export const requestIdMark = '00000000-0000-0000-0000-000000000000'

/** A page of the router's, for what a plane has to say by itself. */
export interface PlanePage {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Where a plane is, and between whom. */
export interface PlanePlace {
  /** For its files; of the account that Berth runs as. */
  readonly directory: string
  /** For its sockets; gone after a reboot. */
  readonly run: string
  /**
   * The router's unix socket. All that comes over it is introduced by a PROXY head, version 2 with what it says of TLS: nobody else gets
   * there, and so it is believed.
   */
  readonly frontSocket: string
  /** Descriptors of the listening sockets that its program is started with. */
  readonly listeners: readonly { readonly fd: number; readonly scheme: 'http' | 'https' }[]
  /** Addresses and CIDR networks of proxies in front: what they say of their clients is the router's to read. */
  readonly trustedProxies: readonly string[]
  /** Their connections begin with a PROXY head. */
  readonly proxyProtocol: boolean
  /** Connections that one client address may have. */
  readonly clientConnections: number
  readonly pages: readonly PlanePage[]
  /** PEM of a chain and its key, for names without a certificate; null where TLS is not spoken. */
  readonly fallback: string | null
}

/** What a plane reports. */
export interface PlaneEvents {
  /** A process of an app that no request is sent to any more has ended its last, or may have. */
  readonly drained: (app: string) => void
}

/** A data plane that is driven. */
export interface DataPlane extends AsyncDisposable {
  /** Has it serve that. Resolves when it does; while its program is away, when it will from its start on. */
  apply(state: PlaneState): Promise<void>
  /** Of all processes but these: those with requests of this app in flight, or that may still get some. */
  busy(app: string, targets: readonly { readonly id: string }[]): readonly string[]
}

/** The program of a data plane. */
export interface PlaneProgram {
  readonly command: string
  readonly args: readonly string[]
  /**
   * It can speak HTTP/3. Where that is wanted, it is started with a UDP socket of the port of HTTPS, too, that all its processes share:
   * `HTTP3_FD` in its environment is the descriptor. Without that it speaks none, and tells nobody of it.
   */
  readonly http3?: boolean
}

/** Kind `router`: a data plane in front of the Node router, which stays its brain, and serves all that it cannot. */
export interface RouterPlugin {
  /**
   * The program that listens. Berth keeps it running as its own account, with the sockets of `PlanePlace.listeners`; SIGUSR1 has it leave
   * them to another and end when what it has begun is over, SIGTERM end at once.
   */
  program(place: Pick<PlanePlace, 'directory' | 'run'>): PlaneProgram | Promise<PlaneProgram>
  /** Drives it from then on. Its files are whole when this resolves, so that the program can be started. */
  drive(place: PlanePlace, events: PlaneEvents, first: PlaneState): Promise<DataPlane>
}
