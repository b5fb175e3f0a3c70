import type { VolumeInspectInfo } from 'dockerode'
import type { EngineConnection } from './connection.js'
import { unlessRefused } from './errors.js'

/** A volume as an engine describes it. */
export interface VolumeDetails {
  readonly name: string
  /** RFC 3339; '' from an engine that does not tell. */
  readonly createdAt: string
  readonly labels: Readonly<Record<string, string>>
  /** Of its driver. */
  readonly options: Readonly<Record<string, string>>
}

/** null, or nothing, from some engines, whatever the types say. */
const detailsOf = (info: VolumeInspectInfo): VolumeDetails => {
  const { Name, Labels, Options, CreatedAt } = info as Omit<VolumeInspectInfo, 'Labels' | 'Options'> & {
    readonly CreatedAt?: string
    readonly Labels: Record<string, string> | null
    readonly Options: Record<string, string> | null
  }
  return { name: Name, createdAt: CreatedAt ?? '', labels: Labels ?? {}, options: Options ?? {} }
}

/** The volumes of an engine. */
export class EngineVolumes {
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Those that carry all of these labels (`name=value`). */
  async list(labels: readonly string[]): Promise<VolumeDetails[]> {
    const filters = JSON.stringify({ label: [...labels] })
    const { Volumes } = await this.#connection.ask((docker) => docker.listVolumes({ filters }))
    return ((Volumes as VolumeInspectInfo[] | null) ?? []).map(detailsOf)
  }

  /** Null when there is no such volume. */
  async find(name: string): Promise<VolumeDetails | null> {
    const found = this.#connection.ask((docker) => docker.getVolume(name).inspect())
    const info = await unlessRefused(found, 404)
    return info === null ? null : detailsOf(info)
  }

  /** Makes one, or answers with the one of that name that is there. @param options of the local driver */
  async create(
    name: string,
    labels: Readonly<Record<string, string>>,
    options: Readonly<Record<string, string>>,
  ): Promise<VolumeDetails> {
    const request = { Name: name, Driver: 'local', DriverOpts: { ...options }, Labels: { ...labels } }
    await this.#connection.ask((docker) => docker.createVolume(request))
    return detailsOf(await this.#connection.ask((docker) => docker.getVolume(name).inspect()))
  }

  /** Removes one with all that is in it, if it is there. @throws EngineRefusal 409 while a container has it */
  async remove(name: string): Promise<void> {
    await unlessRefused(
      this.#connection.ask((docker) => docker.getVolume(name).remove()),
      404,
    )
  }
}
