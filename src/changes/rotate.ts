import { z } from 'zod'
import { BerthError } from '../errors.js'
import type { ReleaseLinks } from '../store/release-links.js'
import { releasing } from './kind.js'
import { variableOfLink } from './link.js'

const Rotate = z.object({
  kind: z.literal('rotate'),
  /** Id of the service. */
  service: z.string(),
  /** What it was called, for the description. */
  name: z.string(),
})
type Rotate = z.output<typeof Rotate>

/** @throws BerthError `conflict` where the release has no link to it */
function variableIn({ service, name }: Rotate, links: ReleaseLinks | undefined): string {
  const variable = variableOfLink(links, service)
  if (variable !== undefined) return variable
  throw new BerthError(
    'conflict',
    `the app's current release is not linked to ${name}`,
    `\`berth services:link ${name}\` links it`,
  )
}

/** An app gets another password of a service. The one before is good until the last process that has it ends. */
export const rotate = releasing<Rotate, ReleaseLinks[string]>({
  schema: Rotate,
  describe: ({ name }) => `Rotate the password of ${name}`,
  check: (change, _, { links }) => void variableIn(change, links),
  withCanary: () => 'refused',
  make: (change, { current, links }) => {
    variableIn(change, current.links)
    return links.rotate(change.service)
  },
  next: (change, { links }, reference) => ({ links: { ...links, [variableIn(change, links)]: reference } }),
})
