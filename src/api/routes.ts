/** Says in every answer of the control API that it is one: Berth's version. */
export const versionHeader = 'berth-version'

/** Where every operation is found, under `/api`. `WS` is a GET that upgrades to a WebSocket. */
export const routes = {
  apps: {
    list: 'GET /apps',
    create: 'POST /apps',
    info: 'GET /apps/:app',
    update: 'PATCH /apps/:app',
    destroy: 'DELETE /apps/:app',
  },
  config: {
    get: 'GET /apps/:app/config',
    reach: 'GET /apps/:app/config/reach',
    change: 'PATCH /apps/:app/config',
  },
  checks: {
    get: 'GET /apps/:app/checks',
    change: 'PATCH /apps/:app/checks',
    mode: 'POST /apps/:app/checks/mode',
    run: 'POST /apps/:app/checks/run',
  },
  domains: {
    list: 'GET /apps/:app/domains',
    add: 'POST /apps/:app/domains',
    remove: 'DELETE /apps/:app/domains/:host',
    clear: 'DELETE /apps/:app/domains',
    redirect: 'PATCH /apps/:app/domains/:host',
    https: 'PATCH /apps/:app/domains',
    check: 'POST /apps/:app/domains/check',
  },
  certs: {
    list: 'GET /apps/:app/certs',
    info: 'GET /apps/:app/certs/:cert',
    add: 'POST /apps/:app/certs',
    auto: 'PATCH /apps/:app/certs',
    renew: 'POST /apps/:app/certs/renew',
    remove: 'DELETE /apps/:app/certs/:cert',
  },
  platformCerts: {
    list: 'GET /platform/certs',
    info: 'GET /platform/certs/:cert',
    add: 'POST /platform/certs',
    auto: 'PATCH /platform/certs',
    renew: 'POST /platform/certs/renew',
    remove: 'DELETE /platform/certs/:cert',
  },
  onDemand: {
    info: 'GET /apps/:app/on-demand',
    set: 'PUT /apps/:app/on-demand',
    off: 'DELETE /apps/:app/on-demand',
  },
  routing: {
    get: 'GET /apps/:app/routing',
    change: 'PATCH /apps/:app/routing',
  },
  canary: {
    get: 'GET /apps/:app/canary',
    start: 'PUT /apps/:app/canary',
    promote: 'POST /apps/:app/canary/promote',
    off: 'DELETE /apps/:app/canary',
  },
  ports: {
    list: 'GET /apps/:app/ports',
    add: 'POST /apps/:app/ports',
    remove: 'DELETE /apps/:app/ports/:port',
  },
  formation: {
    get: 'GET /apps/:app/formation',
    scale: 'PATCH /apps/:app/formation',
  },
  processes: {
    list: 'GET /apps/:app/processes',
    restart: 'POST /apps/:app/restart',
    rebuild: 'POST /apps/:app/rebuild',
    logs: 'GET /apps/:app/logs',
    run: 'WS /apps/:app/run',
  },
  cron: {
    list: 'GET /apps/:app/cron',
    add: 'POST /apps/:app/cron',
    remove: 'DELETE /apps/:app/cron/:entry',
    pause: 'POST /apps/:app/cron/:entry/pause',
    resume: 'POST /apps/:app/cron/:entry/resume',
    run: 'POST /apps/:app/cron/:entry/run',
    stop: 'POST /apps/:app/cron/:entry/stop',
    runs: 'GET /apps/:app/cron/:entry/runs',
    output: 'GET /apps/:app/cron/:entry/runs/:run/output',
  },
  disk: {
    all: 'GET /disk',
    app: 'GET /apps/:app/disk',
    limit: 'PATCH /apps/:app/disk',
  },
  storage: {
    list: 'GET /apps/:app/storage',
    mount: 'POST /apps/:app/storage',
    unmount: 'POST /apps/:app/storage/:volume/unmount',
    browse: 'GET /apps/:app/storage/:volume/files',
    get: 'GET /apps/:app/storage/:volume/archive',
    put: 'POST /apps/:app/storage/:volume/archive',
    destroy: 'DELETE /apps/:app/storage/:volume',
  },
  releases: {
    list: 'GET /apps/:app/releases',
    info: 'GET /apps/:app/releases/:version',
    rollback: 'POST /apps/:app/rollback',
  },
  builds: {
    list: 'GET /apps/:app/builds',
    info: 'GET /apps/:app/builds/:build',
    output: 'GET /apps/:app/builds/:build/output',
    cancel: 'POST /apps/:app/builds/:build/cancel',
    purge: 'DELETE /apps/:app/build-cache',
  },
  operations: {
    info: 'GET /operations/:operation',
    log: 'GET /operations/:operation/log',
  },
  git: {
    info: 'GET /apps/:app/git',
    update: 'PATCH /apps/:app/git',
    authorize: 'POST /apps/:app/git/logins',
    forget: 'DELETE /apps/:app/git/logins/:host',
    sync: 'POST /apps/:app/git/sync',
    syncs: 'GET /apps/:app/git/syncs',
    openKey: 'POST /apps/:app/git/key',
    removeKey: 'DELETE /apps/:app/git/key',
    showHost: 'GET /apps/:app/git/hosts/:host',
    trustHost: 'POST /apps/:app/git/hosts',
    forgetHost: 'DELETE /apps/:app/git/hosts/:host',
    openWebhook: 'POST /apps/:app/git/webhook',
    closeWebhook: 'DELETE /apps/:app/git/webhook',
  },
  registries: {
    list: 'GET /registries',
    login: 'POST /registries',
    logout: 'DELETE /registries/:host',
  },
  plugins: {
    list: 'GET /plugins',
    install: 'POST /plugins',
    info: 'GET /plugins/:plugin',
    change: 'PATCH /plugins/:plugin',
    update: 'POST /plugins/:plugin/update',
    uninstall: 'DELETE /plugins/:plugin',
  },
  services: {
    list: 'GET /services',
    versions: 'GET /service-versions',
    create: 'POST /services',
    info: 'GET /services/:service',
    change: 'PATCH /services/:service',
    start: 'POST /services/:service/start',
    stop: 'POST /services/:service/stop',
    restart: 'POST /services/:service/restart',
    destroy: 'DELETE /services/:service',
    progress: 'GET /services/:service/progress',
    logs: 'GET /services/:service/logs',
    enter: 'WS /services/:service/enter',
  },
  links: {
    list: 'GET /apps/:app/links',
    add: 'POST /apps/:app/links',
    rotate: 'POST /apps/:app/links/:service/rotate',
    remove: 'DELETE /apps/:app/links/:service',
  },
  tokens: {
    list: 'GET /tokens',
    create: 'POST /tokens',
    revoke: 'DELETE /tokens/:token',
  },
  platform: {
    info: 'GET /platform',
    check: 'POST /platform/check',
    https: 'PATCH /platform',
  },
  doctor: {
    examine: 'POST /doctor',
  },
  system: {
    health: 'GET /health',
  },
} as const

/** Method and path of a route: `GET`, `/apps/:app`. */
export function splitRoute(route: string): { method: string; path: string } {
  const [method = '', path = ''] = route.split(' ')
  return { method, path }
}
