import { apps } from './contract/apps.js'
import { config } from './contract/config.js'
import { builds, deploys } from './contract/deploys.js'
import { formation } from './contract/formation.js'
import { processes } from './contract/processes.js'
import { releases } from './contract/releases.js'
import { system } from './contract/system.js'
import { tokens } from './contract/tokens.js'
import type { Operations } from './operation.js'

/** The control API, described once. */
export const contract = {
  apps,
  config,
  formation,
  processes,
  releases,
  builds,
  deploys,
  tokens,
  system,
} as const satisfies Operations

export type Contract = typeof contract

export type { AppInfo, AppView } from './contract/apps.js'
export type { DeployView } from './contract/deploys.js'
export type { LogLine, ProcessView } from './contract/processes.js'
export type { ReleaseInfo, ReleaseView } from './contract/releases.js'
export type { TokenView } from './contract/tokens.js'
