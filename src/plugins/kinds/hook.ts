/** When hooks are called: before something is done, which a hook may refuse, and after it was. */
export const hookEvents = ['push', 'build', 'release', 'deploy', 'scale', 'config', 'destroy'] as const

export type HookEvent = (typeof hookEvents)[number]

/** What a hook is told. The same fields reach an executable hook as JSON; docs/plugins.md lists them. */
export interface HookCall {
  /** `before` or `after`. */
  readonly when: 'before' | 'after'
  readonly event: HookEvent
  readonly app: { readonly id: string; readonly name: string; readonly url: string }
  /** Id of the operation. */
  readonly operation: string
  /** Who asked for it; null is Berth itself. */
  readonly by: string | null
  /** The number of the release that is made, where one is. */
  readonly release: number | null
  /** Of a push: the commit. */
  readonly commit: string | null
  /** What is to change: names of config vars (never values), quantities of process types, … */
  readonly details: Readonly<Record<string, unknown>>
  /** After it: how it ended. */
  readonly status: 'succeeded' | 'failed' | 'cancelled' | null
  /** After it failed: why. */
  readonly failure: string | null
}

/** Takes lines for whoever waits for the operation. */
export type HookSay = (line: string) => void

/** Kind `hook`. */
export interface HookPlugin {
  /**
   * Called for every event. Before one, a `BerthError` of fault `denied` refuses it with its message, which the pusher sees; so does
   * whatever else is thrown, as a hook that does not answer within its time does. After one, what is thrown is logged.
   */
  call(call: HookCall, say: HookSay, signal: AbortSignal): Promise<void>
}
