/** The first version whose clients match on today's words. */
const today = 142

/** What dockerd said in other words before, which clients of those days look for. */
const older: readonly (readonly [now: RegExp, then: string])[] = [
  [
    /^cannot remove container "\/(.+)": container is running: stop the container before removing or force remove$/,
    'You cannot remove a running container $1. Stop the container before attempting removal or force remove',
  ],
]

/** A message as a client of an API version knows it. */
export const inWordsOf = (version: number, message: string): string =>
  version >= today ? message : older.reduce((said, [now, then]) => said.replace(now, then), message)

/** The exit code of an exec: before, a program that is not there and one that cannot be run were told by one number. */
export const exitCodeFor = (version: number, code: number | null, begun: boolean): number | null =>
  version < today && code === 127 && !begun ? 126 : code

/** How what a build's command says on its standard error is shown: by the classic builder of those days, in red. */
export const errorsShownFor = (version: number): ((text: string) => string) =>
  version < today ? (text) => (text === '' ? '' : `\u001b[91m${text}\u001b[0m`) : (text) => text

interface Info {
  readonly SecurityOptions: readonly string[]
}

/** What the engine says of itself: to clients before 1.25, with an execution driver and names alone of what secures it. */
export function infoFor(version: number, info: Info): object {
  if (version >= 125) return info
  const names = info.SecurityOptions.map((option) => /^name=([^,]*)/.exec(option)?.[1] ?? option)
  return { ...info, SecurityOptions: names, ExecutionDriver: '<not supported>' }
}

/** The first version whose clients are told that what they kill does not run. */
export const tellsStopped = 120

interface Shown {
  readonly Config?: object
  readonly HostConfig?: Readonly<Record<string, unknown>>
}

/** A container as it is inspected: before, its limits were among what it runs. */
export function shownTo(version: number, shown: Shown): object {
  if (version >= tellsStopped) return shown
  const { Memory, MemorySwap, CpuShares, CpusetCpus: Cpuset } = shown.HostConfig ?? {}
  return { ...shown, Config: { ...shown.Config, Memory, MemorySwap, CpuShares, Cpuset } }
}
