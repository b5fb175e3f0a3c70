import { BerthError } from '../errors.js'
import { serviceChanges, type Service } from '../store/services.js'
import type { Store } from '../store/store.js'

/**
 * Waits until the keeper of services has done what was asked of one, as `Services.ask` answered.
 * @throws BerthError `broken` with why it could not be done, `missing` where it is gone; the signal's reason
 */
export async function settled(
  { services, notifications }: Pick<Store, 'services' | 'notifications'>,
  { id, turn }: Pick<Service, 'id' | 'turn'>,
  signal: AbortSignal,
): Promise<Service> {
  const over = Promise.withResolvers<Service>()
  const look = async (): Promise<void> => {
    const service = await services.find(id)
    if (service === null) throw new BerthError('missing', 'the service is gone')
    if (service.done < turn) return
    if (service.failure !== null) throw new BerthError('broken', `${service.name}: ${service.failure}`)
    over.resolve(service)
  }
  const lookNow = (): void => void look().catch(over.reject)
  const abort = (): void => over.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const unsubscribe = await notifications.subscribe(serviceChanges, (changed) => {
    if (changed === '' || changed === id) lookNow()
  })
  try {
    signal.throwIfAborted()
    lookNow()
    return await over.promise
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', abort)
  }
}
