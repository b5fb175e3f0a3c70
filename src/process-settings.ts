/** The name of an app's volume. */
export const volumeName = /^[a-zA-Z0-9][\w.-]{0,63}$/

/** Mounts that a process has at most. */
export const mostMounts = 30

/** A volume that a process has. */
export interface VolumeMount {
  /** Where, an absolute path. */
  readonly target: string
  /** The app's volume of that name, which is kept; without, it is new with each process, and goes with it. */
  readonly name?: string
  /** A directory in it. */
  readonly subpath?: string
  readonly readOnly?: true
  /** What the image has there is not copied to it while it is empty. */
  readonly noCopy?: true
  /** Bytes that the volume holds, where it is made for this. */
  readonly size?: number
  /** The directory of the server that it stands for, where it is made for this. */
  readonly host?: string
}

/** A volume of an app that somebody has mounted into its processes: it is part of a release, what is in it is not. */
export interface AppMount extends VolumeMount {
  readonly name: string
  /** Process types that have it; all unless given. */
  readonly types?: readonly string[]
  /** No two processes of a type that has it run at once: the old one stops before the new one starts. */
  readonly exclusive?: true
}

/** A network of an app that a process is on. */
export interface NetworkPlace {
  /** '' is the one that every app has. */
  readonly name: string
  /** Names that others on it find the process by, beside its own. */
  readonly aliases: readonly string[]
  /** Nothing on it reaches anything outside. */
  readonly internal?: true
}

/**
 * What processes of a type have beside their image, their command and their size, in an app that says so of each type. What is
 * absent is as in any app.
 */
export interface ProcessSettings {
  /** In place of the image's; then the image's command does not count either. `${NAME}` in the words stands for a variable. */
  readonly entrypoint?: readonly string[]
  /** In place of the image's; as above. */
  readonly command?: readonly string[]
  /** Variables with `${NAME}` in them; null has a value when a config var gives one. A config var of the name counts more. */
  readonly environment?: Readonly<Record<string, string | null>>
  /** Values of variables that stand in the above, where no config var gives one. */
  readonly defaults?: Readonly<Record<string, string>>
  /** It has no config vars but those that its environment names. */
  readonly onlyNamed?: true
  readonly volumes?: readonly VolumeMount[]
  /** Path -> options of tmpfs(5). */
  readonly tmpfs?: Readonly<Record<string, string>>
  /** The first is the one that the router and the checks use. */
  readonly networks?: readonly NetworkPlace[]
  /** Process types that are up before it is started. */
  readonly after?: readonly string[]
  /** Bytes, and processors, unless somebody has scaled it. */
  readonly memory?: number
  readonly cpus?: number
  /** Processes and threads. */
  readonly pids?: number
  /** Seconds between its stop signal and SIGKILL. */
  readonly grace?: number
  readonly stopSignal?: string
  readonly user?: string
  readonly groups?: readonly string[]
  readonly workingDirectory?: string
  readonly hostname?: string
  readonly readOnly?: true
  /** Bytes of /dev/shm. */
  readonly sharedMemory?: number
  readonly droppedCapabilities?: readonly string[]
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[]
  /** `name:address` lines of /etc/hosts. */
  readonly hosts?: readonly string[]
}

/** Process type -> its settings. */
export type SettingsOfTypes = Readonly<Record<string, ProcessSettings>>
