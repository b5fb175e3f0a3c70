import { z } from 'zod'
import { releasing } from './kind.js'
import { linksWithout, variableOfLink } from './link.js'

const Unlink = z.object({
  kind: z.literal('unlink'),
  /** Id of the service. */
  service: z.string(),
  /** What it was called, for the description. */
  name: z.string(),
})
type Unlink = z.output<typeof Unlink>

/** An app is linked to a service no more: what it comes with is good until the last process that has it ends. */
export const unlink = releasing<Unlink>({
  schema: Unlink,
  describe: ({ name }) => `Unlink ${name}`,
  changesNothing: ({ service }, { links }) => variableOfLink(links, service) === undefined,
  next: ({ service }, { links }) => ({ links: linksWithout(links, service) }),
  withCanary: () => 'refused',
  ends: async ({ service }, { succeeded, unlink: end }) => {
    if (succeeded) await end(service)
  },
})
