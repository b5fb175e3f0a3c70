import type { ImageDetails } from '../engine-client/images.js'
import type { DeclaredCheck } from '../store/checks.js'

/** `HEALTHCHECK` as it is in an image's config; times in nanoseconds, 0 and absent are Docker's defaults. */
interface ImageHealth {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly Retries?: number
}

const secondsOf = (ns: number | undefined, absent: number): number => (ns ? Math.ceil(ns / 1e9) : absent)
const within = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most)

/** Seconds that a startup check may take in all, and one try of it. */
const longestStart = 600
const longestTry = 10

/**
 * The checks of `web` that an image's `HEALTHCHECK` makes; none where it has none. A process that runs is asked as often as Docker
 * would; one that starts is asked every other second, for as long as Docker would take to say that it is unhealthy.
 */
export function healthChecksIn({ Config }: ImageDetails): DeclaredCheck[] {
  const { Healthcheck, Shell } = Config as {
    readonly Healthcheck?: ImageHealth | null
    readonly Shell?: readonly string[] | null
  }
  const { Test = [], Interval, Timeout, StartPeriod, Retries } = Healthcheck ?? {}
  const [kind, ...words] = Test
  const command = kind === 'CMD' ? words : kind === 'CMD-SHELL' ? [...(Shell ?? ['/bin/sh', '-c']), ...words] : []
  if (command.length === 0) return []
  const interval = secondsOf(Interval, 30)
  const timeout = within(secondsOf(Timeout, 30), 1, 60)
  const grace = secondsOf(StartPeriod, 0)
  const retries = within(Retries || 3, 1, 60)
  const patience = within(grace + interval * retries, 10, longestStart)
  const wait = Math.max(2, Math.ceil(patience / 60))
  const of = { command, name: 'HEALTHCHECK', file: 'Dockerfile' } as const
  return [
    { ...of, phase: 'startup', timeout: Math.min(timeout, longestTry), wait, attempts: Math.ceil(patience / wait) },
    {
      ...{ ...of, phase: 'liveness', timeout, attempts: retries },
      ...{ wait: within(interval, 1, 60), initialDelay: within(grace, 0, 300) },
    },
  ]
}
