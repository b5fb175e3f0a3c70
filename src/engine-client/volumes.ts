import type { VolumeInspectInfo } from 'dockerode'
import type { EngineConnection } from './connection.js'
import { unlessRefused } from './errors.js'

/** The volumes of an engine. */
export class EngineVolumes {
  readonly #connection: EngineConnection
  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** Names of those that carry all of these labels (`name=value`). */
  async list(labels: readonly string[]): Promise<string[]> {
    const filters = JSON.stringify({ label: [...labels] })
    const { Volumes } = await this.#connection.ask((docker) => docker.listVolumes({ filters }))
    // null from some engines, whatever the types say
    return ((Volumes as VolumeInspectInfo[] | null) ?? []).map(({ Name }) => Name)
  }

  /** Removes one with all that is in it, if it is there. @throws EngineRefusal 409 while a container has it */
  async remove(name: string): Promise<void> {
    await unlessRefused(
      this.#connection.ask((docker) => docker.getVolume(name).remove()),
      404,
    )
  }
}
