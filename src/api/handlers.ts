import type { Handlers } from './handler.js'
import { appHandlers } from './apps/handlers.js'
import { backupHandlers } from './backups/handlers.js'
import { canaryHandlers } from './canary/handlers.js'
import { certHandlers, platformCertHandlers } from './certs/handlers.js'
import { checkHandlers } from './checks/handlers.js'
import { configHandlers } from './config/handlers.js'
import { copyHandlers } from './copies/handlers.js'
import { cronHandlers } from './cron/handlers.js'
import { domainHandlers } from './domains/handlers.js'
import { diskHandlers } from './disk/handlers.js'
import { doctorHandlers } from './doctor/handlers.js'
import { linkHandlers } from './links/handlers.js'
import { onDemandHandlers } from './on-demand/handlers.js'
import { routingHandlers } from './routing/handlers.js'
import { buildHandlers, operationHandlers } from './operations/handlers.js'
import { gitHandlers } from './git/handlers.js'
import { formationHandlers } from './formation/handlers.js'
import { pluginHandlers } from './plugins/handlers.js'
import { portHandlers } from './ports/handlers.js'
import { processHandlers } from './processes/handlers.js'
import { releaseHandlers } from './releases/handlers.js'
import { platformHandlers } from './platform/handlers.js'
import { storageHandlers } from './storage/handlers.js'
import { systemHandlers } from './system/handlers.js'
import { registryHandlers } from './registries/handlers.js'
import { serviceHandlers } from './services/handlers.js'
import { tokenHandlers } from './tokens/handlers.js'
import type { ControlApiDeps } from './platform.js'

/** Every operation's handler. */
export const createHandlers = (platform: ControlApiDeps): Handlers => ({
  apps: appHandlers(platform),
  config: configHandlers(platform),
  checks: checkHandlers(platform),
  domains: domainHandlers(platform),
  certs: certHandlers(platform),
  platformCerts: platformCertHandlers(platform),
  onDemand: onDemandHandlers(platform),
  routing: routingHandlers(platform),
  canary: canaryHandlers(platform),
  ports: portHandlers(platform),
  formation: formationHandlers(platform),
  processes: processHandlers(platform),
  cron: cronHandlers(platform),
  storage: storageHandlers(platform),
  releases: releaseHandlers(platform),
  builds: buildHandlers(platform),
  operations: operationHandlers(platform),
  git: gitHandlers(platform),
  registries: registryHandlers(platform),
  plugins: pluginHandlers(platform),
  services: serviceHandlers(platform),
  copies: copyHandlers(platform),
  links: linkHandlers(platform),
  backups: backupHandlers(platform),
  tokens: tokenHandlers(platform),
  platform: platformHandlers(platform),
  disk: diskHandlers(platform),
  doctor: doctorHandlers(platform),
  system: systemHandlers(platform),
})
