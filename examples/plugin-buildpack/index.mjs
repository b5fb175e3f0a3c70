import { BerthError, definePlugin } from 'berth/plugin'

/** `requires 'JSON::XS', '>= 4';` (cpanfile of Module::CPANfile) */
const required = /^\s*requires\s*\(?\s*['"]([A-Za-z]\w*(?:::\w+)*)['"]/gm

/** Debian's package of a module: `libjson-xs-perl` of JSON::XS (Debian Perl Policy, 4.2). */
const packageOf = (module) => `lib${module.toLowerCase().replaceAll('::', '-').replaceAll('_', '-')}-perl`

/** Those that every Perl has. */
const own = new Set(['perl', 'strict', 'warnings', 'utf8', 'Plack'])

/** Perl apps: an app.psgi, and a cpanfile that says which of Debian's modules it needs. */
export const plugin = definePlugin({
  kind: 'buildpack',
  name: 'perl',
  version: '1.0.0',
  start: () => ({
    takes: 'a Perl app (app.psgi)',
    landmark: 'app.psgi',
    plan(tree) {
      if (!tree.hasFile('app.psgi')) return null
      if (tree.hasFile('Makefile.PL') && !tree.hasFile('cpanfile'))
        throw new BerthError('invalid', 'Makefile.PL is not read', 'list the modules that the app needs in a cpanfile')
      const modules = [...(tree.read('cpanfile') ?? '').matchAll(required)].map(([, module]) => module)
      const packages = ['starman', ...new Set(modules.filter((module) => !own.has(module)).map(packageOf))]
      return {
        found: 'Perl app',
        dockerfile: [
          'FROM debian:bookworm-slim',
          `RUN apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/*`,
          'RUN useradd --create-home --home-dir /app app',
          'WORKDIR /app',
          'COPY --chown=app:app . .',
          'USER app',
          '',
        ].join('\n'),
        processTypes: { web: 'exec starman --host 0.0.0.0 --port $PORT --workers ${WEB_CONCURRENCY:-2} app.psgi' },
        notes: modules.length === 0 ? [] : [`modules of Debian: ${packages.slice(1).join(', ')}`],
      }
    },
  }),
})
