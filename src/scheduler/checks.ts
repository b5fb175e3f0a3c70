import { own } from '../lib/own.js'
import type { App } from '../store/apps.js'
import {
  allTypes,
  checkFields,
  fieldsOf,
  strategyOf,
  type CheckField,
  type CheckFields,
  type CheckMode,
  type CheckPhase,
  type CheckStrategy,
  type DeclaredCheck,
} from '../store/checks.js'
import type { Release } from '../store/releases.js'
import { heardPorts } from '../store/ports.js'
import { portOf } from './desired.js'

/** Who says a value: somebody by command (`app`), a file of the app, or nobody. */
export type CheckSource = 'app' | DeclaredCheck['file'] | 'default'

/** A check as it is done, all of it said. */
export interface Check {
  readonly phase: CheckPhase
  /** '' has none. */
  readonly name: string
  readonly strategy: CheckStrategy
  readonly scheme: 'http' | 'https'
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly status: string
  readonly content: string
  readonly command: readonly string[]
  /** These in seconds. */
  readonly uptime: number
  readonly timeout: number
  readonly wait: number
  readonly initialDelay: number
  readonly attempts: number
  readonly warn: boolean
  /** Nobody has said anything of it: it is done for as long as a start may take. */
  readonly isDefault: boolean
  /** Of the fields that mean something to it: who says so. */
  readonly from: Readonly<Partial<Record<CheckField, CheckSource>>>
}

/** How the processes of a type are checked. */
export interface TypeChecks {
  readonly mode: CheckMode
  readonly startup: readonly Check[]
  readonly readiness: readonly Check[]
  readonly liveness: readonly Check[]
}

/** Statuses that pass where a page is named, and where none is: an app need not have one at `/`. */
const passing = { named: '200-399', unnamed: '100-499' }

/** Seconds between two checks of what has started: what runs well is asked less often than what starts. */
const runningWait = 10

const nobody: Readonly<Record<string, CheckFields>> = {}

/** How processes of a type of a release are checked: what somebody has said counts more than what the app says. */
export function checksOf(app: Pick<App, 'checks' | 'rules' | 'ports'>, release: Release, type: string): TypeChecks {
  const { checks: said = {} } = app
  const modes = said.modes ?? {}
  const of = (phase: CheckPhase): Check[] => {
    const set = own(said[phase] ?? nobody, type) ?? {}
    const declared = (own(release.healthchecks ?? {}, type) ?? []).filter((one) => one.phase === phase)
    // what speaks HTTP/2 alone, or is no HTTP at all, has no page to be asked for
    const isRaw = app.rules?.protocol === 'h2c' || heardPorts(app.ports, 'web').includes(portOf(release))
    const unsaid = isRaw ? 'listening' : 'path'
    return resolved(phase, type, { set, declared, unsaid }).map((one) => ({
      ...one,
      port: one.port || portOf(release),
    }))
  }
  const mode = own(modes, type) ?? own(modes, allTypes) ?? 'check'
  return { mode, startup: of('startup'), readiness: of('readiness'), liveness: of('liveness') }
}

/** What is said of the checks of a type. */
interface Said {
  readonly set: CheckFields
  readonly declared: readonly DeclaredCheck[]
  /** How `web` is checked where nobody says. */
  readonly unsaid: CheckStrategy
}

function resolved(phase: CheckPhase, type: string, { set, declared, unsaid }: Said): Check[] {
  const strategy = strategyOf(set)
  if (strategy !== undefined) {
    // in place of what the app says; what that says of the one check that is like it still counts
    const [like, ...more] = declared.filter((one) => strategyIn(one) === strategy)
    return [merged(phase, strategy, set, more.length === 0 ? like : undefined)]
  }
  if (declared.length > 0) return declared.map((one) => merged(phase, strategyIn(one), set, one))
  return phase === 'startup' && type === 'web' ? [merged(phase, unsaid, set)] : []
}

/** A check of the app's that does not say how it finds out asks for a page. */
const strategyIn = (declared: CheckFields): CheckStrategy => strategyOf(declared) ?? 'path'

function merged(phase: CheckPhase, strategy: CheckStrategy, set: CheckFields, declared?: DeclaredCheck): Check {
  const relevant = fieldsOf(strategy)
  const from: Partial<Record<CheckField, CheckSource>> = {}
  const values: Record<string, unknown> = {}
  for (const field of checkFields.filter((one) => relevant.includes(one))) {
    const said = set[field] ?? declared?.[field]
    from[field] = set[field] !== undefined ? 'app' : said !== undefined ? (declared?.file ?? 'default') : 'default'
    if (said !== undefined) values[field] = said
  }
  return {
    ...{ phase, strategy, from, name: declared?.name ?? '' },
    isDefault: phase === 'startup' && declared === undefined && Object.keys(set).length === 0,
    ...{ scheme: 'http', port: 0, path: '/', headers: {}, content: '', command: [], uptime: 0 },
    status: from.path === 'default' ? passing.unnamed : passing.named,
    ...{ attempts: 3, timeout: 5, wait: phase === 'startup' ? 5 : runningWait, initialDelay: 0, warn: false },
    ...values,
  }
}

/** Whether processes of a type are asked, while they run, if they can take requests. */
export const hasReadiness = ({ readiness }: TypeChecks, type: string): boolean =>
  type === 'web' && readiness.some(({ warn }) => !warn)

/**
 * What a new process has to pass. A release is put in charge when its processes are ready; one that starts again runs on
 * without requests until it is, for that is why it says so.
 */
export function gateOf(checks: TypeChecks, port: number, isNewRelease: boolean): TypeChecks {
  const { startup, readiness } = checks
  if (readiness.length === 0) return checks
  const said = startup.filter((one) => !one.isDefault)
  if (isNewRelease) return { ...checks, startup: [...said, ...readiness] }
  return { ...checks, startup: said.length > 0 || startup.length === 0 ? said : [listeningOn(port)] }
}

/** What every `web` process passes: the router has to reach it, whatever its checks ask. */
export const listeningOn = (port: number): Check => ({ ...merged('startup', 'listening', { port }), isDefault: true })

/** The same for a process of a type that ports of its app lead to: it listens there, too. */
export function gateWithPorts(gate: TypeChecks, ports: readonly number[]): TypeChecks {
  const unheard = ports.filter((port) => !gate.startup.some((one) => one.port === port && one.strategy !== 'command'))
  return { ...gate, startup: [...gate.startup, ...unheard.map(listeningOn)] }
}

/** What a check does, in words: `GET /up on port 8080`. */
export function describeAsk(check: Check): string {
  switch (check.strategy) {
    case 'path':
      return `GET ${check.scheme === 'https' ? 'https:' : ''}${check.path} on port ${check.port}`
    case 'command':
      return `the command ${check.command.join(' ').slice(0, 100)}`
    case 'listening':
      return `listening on port ${check.port}`
    case 'uptime':
      return `an uptime of ${check.uptime} s`
  }
}
