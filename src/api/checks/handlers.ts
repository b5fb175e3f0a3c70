import { checksOf, describeAsk, type Check } from '../../scheduler/checks.js'
import { checkPhases } from '../../store/checks.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import type { CheckView } from './contract.js'

const viewCheck = (check: Check): CheckView => ({
  phase: check.phase,
  name: check.name,
  asks: describeAsk(check),
  values: Object.fromEntries(
    Object.entries(check.from).flatMap(([field, from]) => {
      const value = field === 'listening' ? true : check[field as Exclude<keyof typeof check.from, 'listening'>]
      const isSaid = from !== 'default' || (value !== '' && JSON.stringify(value) !== '{}')
      return isSaid ? [[field, { value: Array.isArray(value) ? [...(value as readonly string[])] : value, from }]] : []
    }),
  ) as CheckView['values'],
})

export const checkHandlers = (platform: ControlApiDeps): HandlersOf<'checks'> => ({
  get: async (_, { app }) => {
    const release = await platform.store.releases.current(app)
    const types = Object.keys(release.processTypes).filter((type) => type !== 'release')
    const said = checkPhases.flatMap((phase) => Object.keys(app.checks?.[phase] ?? {}))
    const all = new Set([...types, ...(release.image === null ? ['web', ...said] : [])])
    return Object.fromEntries(
      [...all].map((type) => {
        const { mode, startup, readiness, liveness } = checksOf(app, release, type)
        return [type, { mode, checks: [...startup, ...readiness, ...liveness].map(viewCheck) }]
      }),
    )
  },
  run: ({ process }, { app, signal }) => platform.runChecks(app, process ?? null, signal),
})
