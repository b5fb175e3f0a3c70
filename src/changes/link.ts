import { z } from 'zod'
import { BerthError } from '../errors.js'
import { own } from '../lib/own.js'
import type { Release } from '../store/releases.js'
import type { ReleaseLinks } from '../store/release-links.js'
import { checkVariableName } from './config.js'
import { releasing } from './kind.js'

const Link = z.object({
  kind: z.literal('link'),
  /** Id of the service. */
  service: z.string(),
  /** What it was called, for the description. */
  name: z.string(),
  /** Config var that its URL is to be in; unless given, the first of its kind that is free. */
  variable: z.string().exactOptional(),
  /** `DATABASE` of `DATABASE_URL`, `DATABASE_2_URL`. */
  prefix: z.string(),
})
type Link = z.output<typeof Link>

/** What was made of a link: the config var that it is in, and what the release has of it. */
interface MadeLink {
  readonly variable: string
  readonly reference: ReleaseLinks[string]
}

type Named = Pick<Release, 'config' | 'links'>

const isTaken = ({ config, links = {} }: Named, name: string): boolean =>
  Object.hasOwn(config, name) || Object.hasOwn(links, name)

/** The config var that the URL is to be in. @throws BerthError `conflict`, `invalid` */
function variableOf({ variable, prefix }: Pick<Link, 'variable' | 'prefix'>, current: Named): string {
  if (variable === undefined) {
    for (let count = 1; ; count += 1) {
      const name = count === 1 ? `${prefix}_URL` : `${prefix}_${count}_URL`
      if (!isTaken(current, name)) return name
    }
  }
  checkVariableName(variable)
  if (isTaken(current, variable))
    throw new BerthError('conflict', `the app has a config var ${variable} already`, 'choose another name with --as')
  return variable
}

/** @throws BerthError `conflict` where the release has a link to it already */
function refuseTwice({ service, name }: Link, { links = {} }: Named): void {
  const [there] = Object.entries(links).filter(([, link]) => link.service === service)
  if (there !== undefined)
    throw new BerthError(
      'conflict',
      `the app is linked to ${name} already: ${there[0]} has its URL`,
      `\`berth services:rotate ${name}\` makes a new password`,
    )
}

/** An app is linked to a service: its processes have the URL, and reach it. */
export const link = releasing<Link, MadeLink>({
  schema: Link,
  describe: ({ name }) => `Link ${name}`,
  check: (change, _, current) => {
    refuseTwice(change, current)
    variableOf(change, current)
  },
  make: async (change, { current, links }) => {
    refuseTwice(change, current)
    const variable = variableOf(change, current)
    return { variable, reference: await links.link(change.service, variable) }
  },
  next: (_, { links }, { variable, reference }) => ({ links: { ...links, [variable]: reference } }),
  withCanary: () => 'refused',
  ends: async ({ service }, { succeeded, current: { links = {} }, unlink }) => {
    const has = Object.values(links).some((one) => one.service === service)
    if (!succeeded && !has) await unlink(service)
  },
})

/** The links of a release without those to a service. */
export const linksWithout = (links: ReleaseLinks = {}, service: string): ReleaseLinks | undefined => {
  const kept = Object.entries(links).filter(([, link]) => link.service !== service)
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** The config var of a release that has the URL of a service. */
export const variableOfLink = (links: ReleaseLinks = {}, service: string): string | undefined =>
  Object.keys(links).find((name) => own(links, name)?.service === service)
