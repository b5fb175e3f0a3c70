import { z } from 'zod'
import { BerthError } from '../errors.js'
import { placesOfVolumes } from '../store/mounts.js'
import type { Release } from '../store/releases.js'
import { acting } from './kind.js'
import { checkVolumeName } from './mount.js'

const DestroyVolume = z.object({ kind: z.literal('destroy-volume'), name: z.string() })
type DestroyVolume = z.output<typeof DestroyVolume>

/** @throws BerthError `conflict` */
function refuseMounted(name: string, current: Release): void {
  const place = placesOfVolumes(current).find((one) => one.name === name)
  if (place === undefined) return
  throw new BerthError(
    'conflict',
    `the volume ${name} is mounted at ${place.target}`,
    place.from === 'app'
      ? `\`berth storage:unmount ${name}\` first`
      : 'the compose file of the app mounts it: take it out there, and deploy it again',
  )
}

/** A volume of an app goes, with all that is in it. */
export const destroyVolume = acting<DestroyVolume>({
  schema: DestroyVolume,
  describe: ({ name }) => `Destroy the volume ${name}`,
  check: ({ name }, _, current) => {
    checkVolumeName(name)
    refuseMounted(name, current)
  },
  act: async ({ name }, at) => {
    refuseMounted(name, at.current)
    await at.removeVolume(name)
    at.progress.detail(`The volume ${name} is gone; no new release`)
  },
})
