import { apps } from './apps/contract.js'
import { canary } from './canary/contract.js'
import { backups } from './backups/contract.js'
import { certs, platformCerts } from './certs/contract.js'
import { checks } from './checks/contract.js'
import { config } from './config/contract.js'
import { copies } from './copies/contract.js'
import { cron } from './cron/contract.js'
import { domains } from './domains/contract.js'
import { disk } from './disk/contract.js'
import { doctor } from './doctor/contract.js'
import { builds, operations } from './operations/contract.js'
import { git } from './git/contract.js'
import { links } from './links/contract.js'
import { onDemand } from './on-demand/contract.js'
import { formation } from './formation/contract.js'
import { plugins } from './plugins/contract.js'
import { ports } from './ports/contract.js'
import { processes } from './processes/contract.js'
import { releases } from './releases/contract.js'
import { platform } from './platform/contract.js'
import { storage } from './storage/contract.js'
import { system } from './system/contract.js'
import { routing } from './routing/contract.js'
import { registries } from './registries/contract.js'
import { services } from './services/contract.js'
import { tokens } from './tokens/contract.js'
import type { ApiEndpoints } from './endpoint.js'

/** The control API, described once. */
export const contract = {
  apps,
  config,
  checks,
  domains,
  certs,
  platformCerts,
  onDemand,
  routing,
  canary,
  ports,
  formation,
  processes,
  cron,
  storage,
  disk,
  releases,
  builds,
  operations,
  git,
  registries,
  plugins,
  services,
  copies,
  links,
  backups,
  tokens,
  platform,
  doctor,
  system,
} as const satisfies ApiEndpoints

export type Contract = typeof contract

export type { AppInfo, AppView } from './apps/contract.js'
export type { BackupJobView, BackupSettingsView, BackupSubjectView, BackupView } from './backups/contract.js'
export type { CanaryView } from './canary/contract.js'
export type { CertInfo, CertView } from './certs/contract.js'
export type { CheckRun, CheckView } from './checks/contract.js'
export type { CronEntryView, CronRunView } from './cron/contract.js'
export type { Diagnosis } from './doctor/contract.js'
export type { AppDiskView, DiskView } from './disk/contract.js'
export type { DomainCheck, DomainInfo, DomainView } from './domains/contract.js'
export type { LinkView } from './links/contract.js'
export type { ServiceInfo, ServiceKindView, ServiceView } from './services/contract.js'
export type { OnDemandView } from './on-demand/contract.js'
export type { RoutingView } from './routing/contract.js'
export type { OperationView } from './operations/contract.js'
export type { PlatformView } from './platform/contract.js'
export type { SyncView } from './git/contract.js'
export type { PluginInfo, PluginView } from './plugins/contract.js'
export type { LogLineView, ProcessView } from './processes/contract.js'
export type { PortView } from './ports/contract.js'
export type { ReleaseInfo, ReleaseView } from './releases/contract.js'
export type { FileView, VolumeView } from './storage/contract.js'
export type { TokenView } from './tokens/contract.js'
