/** What somebody may want to be told of. */
export const noticeEvents = [
  'deploy.succeeded',
  'change.failed',
  'service.failed',
  'service.recovered',
  'certificate.failed',
  'backup.failed',
] as const

export type NoticeEvent = (typeof noticeEvents)[number]

/** Something that has happened, in words. Secrets are in none of them. */
export interface Notice {
  readonly event: NoticeEvent
  readonly level: 'info' | 'error'
  /** App, service or hostname that it is about. */
  readonly subject: string
  /** In a sentence. */
  readonly title: string
  /** Why, and what to do; '' where there is nothing more to say. */
  readonly text: string
  /** Where to look; null where there is no such place. */
  readonly url: string | null
  /** RFC 3339 */
  readonly at: string
}

/** Kind `notifier`: tells somebody. */
export interface NotifierPlugin {
  /**
   * Called for every event, whatever it wants to pass on. What it throws is tried again a few times, and then logged; it has 30 seconds
   * each time.
   */
  notify(notice: Notice, signal: AbortSignal): Promise<void>
}
