import { BerthError } from '../errors.js'
import type { ServicePlugin } from '../plugins/kinds/service.js'
import type { Service, ServiceFacts } from '../store/services.js'
import { planOf } from './container.js'

/** What a recipe says of a service, for its record. */
export function factsFrom(recipe: ServicePlugin, service: Service): ServiceFacts {
  const plan = planOf(service)
  const { title, variable, backup } = recipe
  const { words, input } = recipe.measure(plan)
  return {
    title,
    variable,
    connect: [...recipe.connect(plan)],
    measure: { words: [...words], ...(input !== undefined && { input }) },
    backup: backup && {
      ...{ format: backup.format, restarts: backup.restarts },
      ...{ dump: [...backup.dump(plan)], restore: [...backup.restore(plan)], check: [...backup.check(plan)] },
    },
  }
}

/** @throws BerthError `conflict` before its first start */
export function factsOf({ name, facts }: Service): ServiceFacts {
  if (facts) return facts
  throw new BerthError('conflict', `${name} has not been started yet`, `\`berth services:info ${name}\` says how it is`)
}
