import { createHash } from 'node:crypto'
import { EngineError } from '../errors.js'
import { architecture } from './document.js'
import type { Digest } from '../records.js'
import { quoted } from '../system/sanitize.js'

/** What points at content: its kind, digest and exact size. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly platform?: Platform
  /** Those that are text. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant: string
}

/** A manifest as served: one image, or an index of several. */
export type Manifest =
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }

export const media = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  list: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.docker.container.image.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
} as const

/** What a manifest of a media type is. */
const kinds = new Map<unknown, Manifest['kind']>([
  [media.manifest, 'image'],
  [media.ociManifest, 'image'],
  [media.list, 'index'],
  [media.ociIndex, 'index'],
])

export const acceptedManifests = [media.ociIndex, media.list, media.ociManifest, media.manifest].join(', ')

/** The largest manifest and configuration that are read, as registries have it. */
export const mostBytes = 4 * 1024 * 1024

const mostEntries = 1000

export const digestOf = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const bad = (why: string): EngineError => new EngineError('invalid', `invalid manifest: ${why}`)

/** Reads a manifest, which may be hostile. @throws EngineError `invalid` */
export function readManifest(bytes: Buffer): Manifest {
  const value = parse(bytes)
  // what one reader takes for an image and another for an index is two images under one digest: CVE-2021-41190
  const isIndex = Array.isArray(value.manifests)
  if (isIndex && (value.layers !== undefined || value.config !== undefined))
    throw bad('it is both an image and an index')
  if (kinds.has(value.mediaType) && isIndex !== (kinds.get(value.mediaType) === 'index'))
    throw bad('it is not what its media type says')
  if (Array.isArray(value.manifests))
    return { kind: 'index', manifests: value.manifests.slice(0, mostEntries).map(descriptor) }
  if (value.schemaVersion === 1)
    throw bad('schema version 1 is not supported: push the image again with a newer client')
  if (!Array.isArray(value.layers) || value.config === undefined) throw bad('it has neither layers nor manifests')
  const config = descriptor(value.config)
  if (config.mediaType !== media.config && config.mediaType !== media.ociConfig)
    throw bad(`it is no image: its configuration is ${quoted(config.mediaType)}`)
  if (value.layers.length > mostEntries) throw bad('max depth exceeded')
  return { kind: 'image', config, layers: value.layers.map(descriptor) }
}

function parse(bytes: Buffer): Record<string, unknown> {
  try {
    const value = JSON.parse(bytes.toString()) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw bad('it is no JSON object')
}

/** Only sha256 is taken: a digest becomes part of a path, of URLs and of what content is checked against. */
function descriptor(value: unknown): Descriptor {
  const { mediaType = '', digest, size, platform, annotations } = (value ?? {}) as Record<string, unknown>
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw bad('invalid checksum digest format')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw bad('a size is no number of bytes')
  if (typeof mediaType !== 'string') throw bad('a media type is not a string')
  const { os = '', architecture: machine = '', variant = '' } = (platform ?? {}) as Record<string, unknown>
  return {
    mediaType,
    digest,
    size,
    platform: { os: text(os), architecture: text(machine), variant: text(variant) },
    annotations: Object.fromEntries(
      Object.entries(annotations ?? {}).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    ),
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const machines: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', i386: '386', armhf: 'arm' }

/** What may stand alone in place of `linux/<architecture>`. */
const architectures = '386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x'.split(' ')

/** Reads `linux/arm64/v8`; `arm64` alone is Linux's. @throws EngineError `invalid` */
export function readPlatform(text: string): Platform {
  if (text === '') return { os: 'linux', architecture, variant: '' }
  const parts = text.toLowerCase().split('/')
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part)))
    throw new EngineError(
      'invalid',
      `"${text.slice(0, 80)}" is an invalid component: platform specifier must match "os/arch[/variant]"`,
    )
  const [alone = ''] = parts.length === 1 ? parts : ['linux']
  if (!['linux', 'windows', ...architectures].includes(machines[alone] ?? alone))
    throw new EngineError('invalid', `"${alone}": unknown operating system or architecture: invalid argument`)
  const [os = '', machine = '', variant = ''] =
    parts.length === 1 && !['linux', 'windows'].includes(alone) ? ['linux', ...parts] : parts
  return { os, architecture: machine === '' ? architecture : (machines[machine] ?? machine), variant }
}

/** Whether this machine runs what is made for it; of variants, every machine of ours runs the plainest. */
export const isOwnPlatform = (platform: Platform): boolean =>
  platform.os === 'linux' && platform.architecture === architecture

export const showPlatform = ({ os, architecture: machine, variant }: Platform): string =>
  [os, machine, variant].filter(Boolean).join('/')

/** The entry of an index for a platform: the variant asked for, else the plainest. */
export function chooseManifest(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  const fitting = manifests.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  )
  const variant = wanted.variant || (wanted.architecture === 'arm64' ? 'v8' : '')
  const exact = fitting.find(({ platform }) => platform?.variant === variant)
  const plain = fitting.find(({ platform }) => platform?.variant === '')
  return exact ?? plain ?? (wanted.variant === '' ? fitting[0] : undefined)
}
