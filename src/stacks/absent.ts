import type { FailedBuild } from '../buildpacks/buildpack.js'
import { imagesIn, outlineOf } from '../buildpacks/dockerfile/outline.js'
import { debianPythons } from '../buildpacks/python/version.js'
import { lastStep } from '../buildpacks/dockerfile/place.js'
import { stacks } from './index.js'
import { registryOf } from './registries.js'

/** How an engine says that the registry of an image is out of reach. */
const unreached = /(?:Get|Head) "https?:\/\/[^"\s]*\/v2\//

/** How an engine says that a registry wants to know who asks, or another who; of an image that is not there many say the same. */
const unauthorized = /no basic auth credentials|unauthorized: |401 Unauthorized|denied: requested access/

/** What is made here without a registry. */
const families = 'debian, node, python, golang, rust, ruby, eclipse-temurin, maven and elixir, on Debian'

/** What to do about an image that a build takes from elsewhere and that cannot be had; null for another failure. */
export function whyAbsent(lines: readonly string[], { error, image }: FailedBuild): string | null {
  const closed = unauthorized.test(error)
  if (!closed && !unreached.test(error)) return null
  const step = lastStep(lines) ?? ''
  const name = imagesIn(step, image.args ?? {})[0] ?? 'an image that the Dockerfile names'
  if (closed) return `${name} is not there, or not for this login: ${loginFor(name)}`
  const stages = outlineOf(image.dockerfile).stages.flatMap((stage) => stage.name ?? [])
  const isStage = !/^FROM\b/i.test(step) && /^[\w-]+$/.test(name)
  const what = isStage
    ? `no stage is named ${name}${stages.length === 0 ? '' : ` (there are ${stages.join(', ')})`}, and no image of that name can be had`
    : `${name} is not on this machine, and no registry that has it can be reached`
  const other = onDebian(name)
  const way =
    other === null
      ? `${families}, are made here without one: begin with one of them`
      : `${other} is made here without one: begin with that`
  return isStage ? what : `${what}. ${way}, or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS`
}

const loginFor = (name: string): string =>
  `\`berth registry:login ${registryOf(name)} USER\` takes a password on its standard input`

/** The image that can be made here in place of one on Alpine: `node:20-slim` for `node:20-alpine3.19`. */
function onDebian(name: string): string | null {
  const plain = name.replace(/-alpine[\d.]*$/, '').replace(/:alpine[\d.]*$/, '')
  if (plain === name) return null
  const minor = /(?:^|\/)python:3\.(\d+)/.exec(plain)?.[1]
  if (minor !== undefined && !debianPythons.some((one) => one.minor === Number(minor))) return null
  const slim = plain.includes(':') ? `${plain}-slim` : `${plain}:slim`
  return [slim, plain].find((other) => stacks.some((stack) => stack.versionOf(other) !== null)) ?? null
}
