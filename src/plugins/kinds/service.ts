/** A version of a service: the packages of a Debian release that it is of. Its image is made of them where it is first wanted. */
export interface ServiceVersion {
  /** As people name it: `15`. Data of one is never served by another. */
  readonly version: string
  /** Codename: `bookworm`. */
  readonly debian: string
  readonly packages: readonly string[]
}

/** A command that is run in the service's container, as its user. */
export interface ServiceCommand {
  readonly words: readonly string[]
  /** Its standard input. What is secret goes here: the words are in lists of processes. */
  readonly input?: string
}

/** What a service is made for. */
export interface ServicePlan {
  readonly version: string
  /** Bytes that its container may have. */
  readonly memory: number
  readonly cpus: number
  /** Each app that is linked has data of its own in it, which no other reaches. */
  readonly shared: boolean
}

/** What an app, or whoever else is let in, comes with. Both are of letters, digits and `_`: they may stand in a URL as they are. */
export interface ServiceCredential {
  readonly role: string
  readonly password: string
  /** Of a shared service: whose data it is let in to, the same for all roles of an app. Else null. */
  readonly tenant: string | null
}

/**
 * How a service gives its data away while it serves, and a new one takes it. Each is the words of a command in its container, as its
 * user: what goes in and out is streamed, and the exit code alone tells whether it went well.
 */
export interface ServiceBackup {
  /** What a dump is, as the end of a file's name: `pgdump`. */
  readonly format: string
  /** Writes all that apps have put there, as it was at one moment, to standard output. Who is let in is not in it. */
  dump(plan: ServicePlan): readonly string[]
  /** Reads a dump, of this version or an older one, from standard input, into a service that is new and empty. */
  restore(plan: ServicePlan): readonly string[]
  /** The server has what was restored only after it was started anew. */
  readonly restarts: boolean
  /** Reads all of its data, and writes a line a thing that there is (`table rows hash`), the same for the same data. */
  check(plan: ServicePlan): readonly string[]
}

/**
 * Kind `service`: a recipe for a server that apps are linked to. It says what there is to do; Berth has the containers, the volume, the
 * networks and the passwords, and does it. Everything but `start` may be called more than once for the same thing.
 */
export interface ServicePlugin {
  /** `PostgreSQL` */
  readonly title: string
  /** What there is; the first is made unless another is asked for. */
  readonly versions: readonly [ServiceVersion, ...ServiceVersion[]]
  /** What its URL is called in the environment of an app: `DATABASE` of `DATABASE_URL`. */
  readonly variable: string
  /** It can be shared by apps that see nothing of each other. */
  readonly shareable?: true
  /** Whom its processes run as. */
  readonly user: string
  /** Where its volume is; the user's. Null where it keeps nothing. */
  readonly directory: string | null
  /** Files of its image beside the packages, by path; those below a `bin` may be executed. */
  readonly files?: Readonly<Record<string, string>>
  /** Line for a shell that runs before its packages are put there. */
  readonly prepare?: string
  /**
   * Makes what a new service begins with on its empty volume; null where the server itself begins with nothing. It runs alone, once;
   * one that was cut off runs again. Every later start finds the data, or refuses: exit code 78 (EX_CONFIG of sysexits.h) and a line
   * that says why is not tried again.
   */
  initialise(plan: ServicePlan): readonly string[] | null
  /** The server. It must not make a place for its data where there is none. */
  start(plan: ServicePlan): readonly string[]
  /** Ends with 0 once clients are served. */
  ready(plan: ServicePlan): ServiceCommand
  /** How it ends without losing anything, and the seconds that it has for that. */
  readonly stop: { readonly signal: string; readonly seconds: number }
  /** Lets somebody in. */
  grant(credential: ServiceCredential): ServiceCommand
  /**
   * Lets a role in no more, and ends its connections. What it has made stays, and so does a tenant's data. One that is not there is
   * gone already.
   */
  revoke(role: string, tenant: string | null): ServiceCommand
  /** Where that is, for an app. */
  url(host: string, credential: ServiceCredential): string
  /** Writes two numbers: bytes of its data, as it counts them, and the clients that are connected, without itself. */
  measure(plan: ServicePlan): ServiceCommand
  /** How it is backed up; null where it keeps nothing that would be missed. */
  readonly backup: ServiceBackup | null
  /** What an administrator sits before, in the container. */
  connect(plan: ServicePlan): readonly string[]
}
