import { applyChanges } from '../build/apply-changes.js'
import type { ContainerFiles } from '../containers/files.js'
import type { ContainerConfig } from '../containers/record.js'
import { architecture, type StoredImage } from '../oci/document.js'
import type { ImageStore } from '../images/store.js'
import type { Digest, ImageConfig } from '../records.js'

/** The layer of a container that changed nothing, two empty blocks: no image is given it. */
const emptyLayer: Digest = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'

/** How `docker commit` describes the image. */
export interface CommitAs {
  readonly names: readonly string[]
  readonly comment: string
  readonly author: string
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
  /** What is set instead of the container's own settings. */
  readonly config: ImageConfig
  /** Freeze a running container meanwhile. */
  readonly pause: boolean
}

/** Makes an image of a container's files, without what is mounted, and of its configuration. @throws EngineError */
export async function commit(store: ImageStore, container: ContainerFiles, as: CommitAs): Promise<StoredImage> {
  const base = (await store.get(container.record.image)).document
  const onBuild = base.config.OnBuild ? { OnBuild: base.config.OnBuild } : {}
  const config = applyChanges({ ...onBuild, ...settingsOf(container.record.config), ...as.config }, as.changes)
  await using stage = await store.layers.draft()
  const copy = async () => store.pool.run('copyLayer', { ...(await container.written()), target: stage.upper })
  await (as.pause ? container.frozen(copy) : container.exclusively(copy))
  const { diffId } = await store.layers.commit(stage)
  try {
    const created = new Date().toISOString()
    const empty = diffId === emptyLayer
    const step = {
      created,
      created_by: (container.record.config.Cmd ?? []).join(' '),
      ...(as.comment === '' ? {} : { comment: as.comment }),
      ...(as.author === '' ? {} : { author: as.author }),
      ...(empty ? { empty_layer: true } : {}),
    }
    const image = await store.create(
      {
        created,
        ...(as.author === '' ? {} : { author: as.author }),
        architecture: base.architecture || architecture,
        os: base.os,
        config,
        container: container.record.id,
        container_config: container.record.config,
        parent: container.record.image,
        rootfs: { type: 'layers', diff_ids: [...base.rootfs.diff_ids, ...(empty ? [] : [diffId])] },
        history: [...base.history, step],
      },
      as.names,
    )
    container.emit('commit', { comment: as.comment, imageID: image.id, imageRef: as.names[0] ?? '' })
    return image
  } finally {
    store.layers.release(diffId)
    if (diffId === emptyLayer) await store.discard([diffId])
  }
}

/** What of a container's configuration an image has. */
function settingsOf(config: ContainerConfig): ImageConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, Shell, Healthcheck } =
    config
  const some = Object.entries({ ExposedPorts, Volumes, Labels }).filter(([, map]) => Object.keys(map ?? {}).length > 0)
  return {
    ...Object.fromEntries(some),
    ...(User === '' ? {} : { User }),
    ...(Env.length > 0 ? { Env } : {}),
    ...(Entrypoint ? { Entrypoint } : {}),
    ...(Cmd ? { Cmd } : {}),
    ...(WorkingDir === '' ? {} : { WorkingDir }),
    ...(StopSignal === undefined ? {} : { StopSignal }),
    ...(Shell ? { Shell } : {}),
    ...(Healthcheck ? { Healthcheck } : {}),
  }
}
