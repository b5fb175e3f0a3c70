import type { Handlers } from './handler.js'
import { appHandlers } from './handlers/apps.js'
import { configHandlers } from './handlers/config.js'
import { buildHandlers, operationHandlers } from './handlers/operations.js'
import { formationHandlers } from './handlers/formation.js'
import { processHandlers } from './handlers/processes.js'
import { releaseHandlers } from './handlers/releases.js'
import { systemHandlers } from './handlers/system.js'
import { tokenHandlers } from './handlers/tokens.js'
import type { Platform } from './platform.js'

/** Every operation's handler. */
export const createHandlers = (platform: Platform): Handlers => ({
  apps: appHandlers(platform),
  config: configHandlers(platform),
  formation: formationHandlers(platform),
  processes: processHandlers(platform),
  releases: releaseHandlers(platform),
  builds: buildHandlers(platform),
  operations: operationHandlers(platform),
  tokens: tokenHandlers(platform),
  system: systemHandlers(platform),
})
