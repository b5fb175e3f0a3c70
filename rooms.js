/**
 * The rooms of `src` and who may know whom, from the bottom up: a room may import rooms that stand before it, none after.
 * ESLint keeps the walls (`eslint.config.js`), `npm run walls` looks for circles.
 */

/** Platform: what each room may import of the others; `lib`, and files of `src` itself, are everyone's. */
export const platform = {
  lib: [],
  store: [],
  access: ['store'],
  plugins: ['store'],
  'engine-client': [],
  buildpacks: [],
  stacks: ['store', 'engine-client', 'buildpacks'],
  changes: ['store', 'buildpacks/procfile', 'buildpacks/build-settings'],
  scheduler: ['store', 'engine-client'],
  cron: ['store', 'scheduler'],
  services: ['store', 'plugins', 'engine-client', 'stacks', 'scheduler/links', 'scheduler/scheduler'],
  backups: [
    'store',
    'engine-client',
    'plugins',
    'services',
    'cron/schedule',
    'scheduler/open-volume',
    'scheduler/settings',
  ],
  'app-json': ['store', 'buildpacks', 'changes/config', 'cron/check', 'cron/entry'],
  certificates: ['store', 'plugins'],
  builds: ['store', 'plugins', 'engine-client', 'buildpacks', 'stacks', 'app-json'],
  sso: [],
  router: ['store', 'plugins', 'sso'],
  disk: ['store', 'engine-client', 'backups/places', 'builds/files', 'cron/output'],
  queue: [
    'certificates/open',
    'disk',
    'changes',
    'store',
    'engine-client',
    'builds',
    'scheduler',
    'cron',
    'plugins',
    'services',
    'backups',
  ],
  git: ['access', 'changes', 'disk', 'store', 'builds', 'queue'],
  api: [
    'access',
    'certificates/read',
    'certificates/wanted',
    'plugins',
    'sso/discovery',
    'changes',
    'disk',
    'git',
    'queue',
    'store',
    'engine-client',
    'scheduler',
    'cron',
    'services',
    'backups',
  ],
  serve: ['store', 'engine-client', 'buildpacks/procfile', 'plugins'],
  cli: ['api/contract', 'api/client', 'buildpacks', 'serve'],
  engine: [],
}

/** The engine, a world of its own: a room may import those of the floors below its own, not its neighbours. */
export const engineFloors = [
  ['kernel'],
  ['system'],
  ['oci'],
  ['workers'],
  ['images', 'networks', 'volumes', 'runtime'],
  ['containers', 'registry'],
  ['build', 'check'],
  ['archives'],
  ['api'],
]

/** Files of `src/engine` itself that all floors may import; the others put the engine together. */
export const engineCommons = ['errors', 'config', 'records', 'events', 'mutex']
