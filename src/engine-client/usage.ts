import type Docker from 'dockerode'
import { Semaphore } from '../lib/semaphore.js'
import type { EngineConnection } from './connection.js'
import { unlessRefused } from './errors.js'

/** Measuring large volumes takes an engine this long at most, ms. */
const patience = 10 * 60_000
/** Images that are asked about at once. */
const atOnce = 8

type Labels = Readonly<Record<string, string>>

/** Something that an engine keeps, and whose it is. */
export interface Kept {
  readonly labels: Labels
  readonly bytes: number
}

/** A step that an image was made in. The same step of two images is one on the disk. */
export interface ImageStep {
  /** What tells it from any other that was made after the same steps. */
  readonly key: string
  readonly bytes: number
}

/** What an engine has on its disk (Docker Engine API, `GET /system/df`), in bytes. */
export interface EngineUsage {
  /** Each with its steps, first one first. */
  readonly images: readonly { readonly labels: Labels; readonly steps: readonly ImageStep[] }[]
  /** What their processes have written outside volumes; with their logs, where the engine counts those. */
  readonly containers: readonly Kept[]
  readonly volumes: readonly (Kept & { readonly name: string })[]
  /** What builds keep for the next, and no image has; whose it is only Berth's engine says. */
  readonly cache: readonly Kept[]
}

/** As engines answer, where they have any: null is none. */
interface Answer {
  readonly Images?: readonly { readonly Id: string; readonly Labels?: Labels | null }[] | null
  readonly Containers?: readonly { readonly SizeRw?: number; readonly Labels?: Labels | null }[] | null
  readonly Volumes?:
    | readonly {
        readonly Name: string
        readonly Labels?: Labels | null
        readonly UsageData?: { readonly Size: number } | null
      }[]
    | null
  readonly BuildCache?:
    readonly { readonly Size: number; readonly Shared?: boolean; readonly Labels?: Labels | null }[] | null
}

/** What an image was made of: its history, oldest first. One that has gone meanwhile has none. */
async function stepsOf(connection: EngineConnection, id: string): Promise<readonly ImageStep[]> {
  const asked = connection.ask((docker: Docker) => docker.getImage(id).history())
  const history =
    (await unlessRefused(asked as Promise<{ Created: number; CreatedBy: string; Size: number }[]>, 404)) ?? []
  return history
    .map(({ Created, CreatedBy, Size }) => ({ key: `${Created} ${Size} ${CreatedBy}`, bytes: Size }))
    .reverse()
}

/** Asks an engine what it has on its disk; it measures, which takes a while where volumes are large. */
export async function usageOf(connection: EngineConnection): Promise<EngineUsage> {
  const answer = (await connection.ask((docker) => docker.df(), patience)) as Answer
  const semaphore = new Semaphore(atOnce)
  const labelsOf = ({ Labels: labels }: { readonly Labels?: Labels | null }): Labels => labels ?? {}
  // -1: not known
  const bytesOf = (bytes: number | undefined): number => Math.max(0, bytes ?? 0)
  return {
    images: await Promise.all(
      (answer.Images ?? []).map(async (image) => ({
        labels: labelsOf(image),
        steps: await semaphore.run(() => stepsOf(connection, image.Id)),
      })),
    ),
    containers: (answer.Containers ?? []).map((one) => ({ labels: labelsOf(one), bytes: bytesOf(one.SizeRw) })),
    volumes: (answer.Volumes ?? []).map((one) => ({
      ...{ name: one.Name, labels: labelsOf(one), bytes: bytesOf(one.UsageData?.Size) },
    })),
    cache: (answer.BuildCache ?? [])
      .filter(({ Shared }) => Shared !== true)
      .map((one) => ({ labels: labelsOf(one), bytes: bytesOf(one.Size) })),
  }
}
