/** Who alone has a config var. One of which nothing is said is for both, as all that were set before there was a choice. */
export type Reach = 'build' | 'run'

/** By the name of a config var. */
export type Reaches = Readonly<Record<string, Reach>>

/** Config vars, and who has them. */
export interface Reached {
  readonly config: Readonly<Record<string, string>>
  readonly reach?: Reaches | undefined
}

/** The config vars that builds, or processes, have. */
export const varsFor = (side: Reach, { config, reach = {} }: Reached): Record<string, string> =>
  Object.fromEntries(Object.entries(config).filter(([name]) => !Object.hasOwn(reach, name) || reach[name] === side))
