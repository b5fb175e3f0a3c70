import type { Command } from 'commander'

type Register = (program: Command) => void

/** What comes before a command's colon, and where its commands are; only the topic asked for is loaded. */
export const topics: Readonly<Record<string, () => Promise<Register>>> = {
  apps: async () => (await import('./apps.js')).registerApps,
  deploy: async () => (await import('./deploy/deploy.js')).registerDeploy,
  maintenance: async () => (await import('./maintenance.js')).registerMaintenance,
  access: async () => (await import('./access.js')).registerAccess,
  errors: async () => (await import('./error-pages.js')).registerErrorPages,
  routing: async () => (await import('./routing.js')).registerRouting,
  ports: async () => (await import('./ports.js')).registerPorts,
  config: async () => (await import('./config.js')).registerConfig,
  checks: async () => (await import('./checks.js')).registerChecks,
  domains: async () => (await import('./domains.js')).registerDomains,
  certs: async () => (await import('./certs.js')).registerCerts,
  ps: async () => (await import('./ps.js')).registerPs,
  logs: async () => (await import('./logs.js')).registerLogs,
  run: async () => (await import('./run.js')).registerRun,
  cron: async () => (await import('./cron.js')).registerCron,
  storage: async () => (await import('./storage/storage.js')).registerStorage,
  canary: async () => (await import('./canary.js')).registerCanary,
  releases: async () => (await import('./releases.js')).registerReleases,
  rollback: async () => (await import('./releases.js')).registerReleases,
  builds: async () => (await import('./builds.js')).registerBuilds,
  buildpacks: async () => (await import('./buildpacks.js')).registerBuildpacks,
  git: async () => (await import('./git.js')).registerGit,
  registry: async () => (await import('./registry.js')).registerRegistry,
  plugins: async () => (await import('./plugins.js')).registerPlugins,
  login: async () => (await import('./login.js')).registerLogin,
  logout: async () => (await import('./login.js')).registerLogin,
  tokens: async () => (await import('./tokens.js')).registerTokens,
  doctor: async () => (await import('./doctor.js')).registerDoctor,
  serve: async () => (await import('../serve/commands.js')).registerServe,
  up: async () => (await import('../serve/commands.js')).registerServe,
  down: async () => (await import('../serve/commands.js')).registerServe,
  engine: async () => (await import('../serve/commands.js')).registerServe,
}
