import { apps } from './contract/apps.js'
import { config } from './contract/config.js'
import { builds, operations } from './contract/operations.js'
import { formation } from './contract/formation.js'
import { processes } from './contract/processes.js'
import { releases } from './contract/releases.js'
import { system } from './contract/system.js'
import { tokens } from './contract/tokens.js'
import type { Endpoints } from './endpoint.js'

/** The control API, described once. */
export const contract = {
  apps,
  config,
  formation,
  processes,
  releases,
  builds,
  operations,
  tokens,
  system,
} as const satisfies Endpoints

export type Contract = typeof contract

export type { AppInfo, AppView } from './contract/apps.js'
export type { OperationView } from './contract/operations.js'
export type { LogLine, ProcessView } from './contract/processes.js'
export type { ReleaseInfo, ReleaseView } from './contract/releases.js'
export type { TokenView } from './contract/tokens.js'
