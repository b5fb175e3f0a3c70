import type { ServicePlugin, ServiceVersion } from '../plugins/kinds/service.js'
import { BerthError, messageOf } from '../errors.js'
import { aptUpdate } from '../stacks/debian.js'
import { cleaned } from '../stacks/debian/releases.js'
import { ensureStack, type StackDeps, type StackImage } from '../stacks/ensure.js'
import { stageStack } from '../stacks/stage.js'

/** The image of a version: packages of Debian, made on the spot. */
export function stackOf(
  kind: string,
  recipe: ServicePlugin,
  { version, debian, packages }: ServiceVersion,
): StackImage {
  const { title, files = {}, prepare, user, directory } = recipe
  const install = [
    // what a package starts by itself when it is installed would run in the build
    "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d",
    ...(prepare === undefined ? [] : [prepare]),
    // nobody is there to be asked
    `${aptUpdate} && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ${packages.join(' ')}`,
    cleaned,
    ...(directory === null ? [] : [`rm -rf ${directory} && install -d -m 700 -o ${user} -g ${user} ${directory}`]),
  ].join(' && ')
  const text = JSON.stringify([debian, install, files])
  const stack = stageStack({
    of: `${title} ${version}`,
    name: `berth-service-${kind}`,
    ...{ text, release: debian, install, files },
  })
  const name = stack.stage?.image ?? ''
  return { name, stack, version: stack.versionOf(name) ?? '' }
}

/** Sees to it that the image is there. @returns its id @throws BerthError `broken` where it cannot be made */
export async function ensureImage(deps: StackDeps, image: StackImage, say: (line: string) => void): Promise<string> {
  try {
    await ensureStack(deps, image, say)
  } catch (error) {
    if (error instanceof BerthError && error.fault !== 'unavailable') throw error
    throw new BerthError('broken', messageOf(error), 'see that it is within reach; then `berth services:start`', error)
  }
  const found = await deps.engine.images.inspect(image.name)
  if (found === null) throw new BerthError('broken', `the image ${image.name} is gone again`, 'start it once more')
  return found.Id
}
