import { deadline } from '../lib/deadline.js'
import type { App } from '../store/apps.js'
import type { Store } from '../store/store.js'

/** ms that a router has: it takes some ten. */
const patience = 2_000

/**
 * Resolves when the router leads requests of an app as it is recorded now: whoever is answered then can rely on it. It never fails:
 * a router that is away, or takes longer, reads it when it can.
 */
export async function whenRouted({ routes, notifications, redis }: Store, app: string): Promise<void> {
  const route = await routes.get(app)
  if (!route) return
  using late = deadline(patience)
  let wake = (): void => undefined
  late.signal.addEventListener('abort', () => wake())
  const unsubscribe = await notifications.subscribe('routes:applied', () => wake())
  try {
    while (!late.signal.aborted) {
      const news = new Promise<void>((resolve) => (wake = resolve))
      if (((await routes.lastApplied(app))?.version ?? 0) >= route.version) return
      const [, listening] = (await redis.pubsub('NUMSUB', 'routes')) as [string, number]
      if (listening === 0) return
      await news
    }
  } finally {
    unsubscribe()
  }
}

/** A handler that answers when the router has heard of what it did. */
export const thenRouted =
  <Input, Context extends { readonly app: App }, Result>(
    { store }: { readonly store: Store },
    handle: (input: Input, context: Context) => Promise<Result> | Result,
  ) =>
  async (input: Input, context: Context): Promise<Result> => {
    const result = await handle(input, context)
    await whenRouted(store, context.app.id)
    return result
  }
