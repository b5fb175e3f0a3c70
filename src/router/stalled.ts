import type { Exchange } from './exchange.js'

/** ms a client may leave an answer unread before it is let go. */
const stalledReader = 300_000

/** Waits until a client reads on, as its reply has said that it does not. */
export function waitForReader(
  exchange: Exchange,
  { late, resume }: { readonly late: () => void; readonly resume: () => void },
): void {
  const timer = setTimeout(late, stalledReader)
  exchange.timer = timer
  exchange.reply.whenDrained(() => {
    clearTimeout(timer)
    resume()
  })
}
