import { BerthError } from '../../errors.js'
import type { ProcessSettings } from '../../process-settings.js'
import { buildSettings } from '../build-settings.js'
import type { ImagePlan, Plan } from '../buildpack.js'
import type { Tree } from '../tree.js'
import { readCompose } from './file.js'
import { composeFiles, composeMark } from './mark.js'
import type { ComposeService } from './service.js'

/** The compose file at the top of a tree, if there is one. */
export const composeFileOf = (tree: Tree): string | undefined => composeFiles.find((name) => tree.hasFile(name))

/** The compose file that somebody has said is to be deployed, whatever else is there; undefined where nobody has. */
export function askedCompose(tree: Tree, variables: Readonly<Record<string, string>>): string | undefined {
  const asked = tree.read(composeMark, 4096)?.trim() || variables[buildSettings.compose] || undefined
  if (asked === undefined || (tree.hasFile(asked) && !asked.startsWith('/') && !asked.split('/').includes('..')))
    return asked
  throw new BerthError(
    'invalid',
    `the compose file to deploy is ${asked.slice(0, 200)}, and there is no such file`,
    'to build as usual: berth builds:unset compose',
  )
}

/**
 * The plan for a compose file of a tree: its services are the process types of one app.
 * @throws SourceError for what in it Berth does not do
 */
export function composePlan(tree: Tree, path: string, variables: Readonly<Record<string, string>>): Plan {
  const { services, notes } = readCompose(tree, path, tree.read(path) ?? '', variables)
  const types = [...services]
  const image = services.get('web')?.image ?? types[0]?.[1].image
  if (!image) throw new Error('a compose file that was read has an image')
  const perType = <T>(of: (service: ComposeService) => T): Record<string, T> =>
    Object.fromEntries(types.map(([type, service]) => [type, of(service)]))
  const typeOf = new Map(types.map(([type, { name }]) => [name, type]))
  const web = services.get('web')
  const port = web && webPort(web)
  return {
    ...image,
    ...{ buildpack: 'dockerfile', name: 'Compose', version: '', found: path, origin: 'compose file' },
    images: Object.fromEntries(
      types.flatMap(([type, { image: other }]): [string, ImagePlan][] =>
        other === null || other === image ? [] : [[type, other]],
      ),
    ),
    processTypes: perType(({ command }) => command),
    settings: perType((service) => withOrder(service, typeOf)),
    formation: perType(({ replicas }) => replicas),
    checks: Object.fromEntries(types.flatMap(([type, { checks }]) => (checks.length === 0 ? [] : [[type, checks]]))),
    ...(port === undefined ? {} : { webPort: port }),
    notes: [...notes, ...portNotes(services)],
  }
}

function withOrder({ settings, after }: ComposeService, typeOf: ReadonlyMap<string, string>): ProcessSettings {
  const types = [...new Set(after.flatMap((name) => typeOf.get(name) ?? []))]
  return types.length === 0 ? settings : { ...settings, after: types }
}

/** The port that `web` listens on, as far as the file says: its image may. */
function webPort({ ports: { published, exposed }, settings }: ComposeService): number | undefined {
  const said = Number(settings.environment?.PORT)
  return published[0] ?? exposed[0] ?? (said > 0 && said < 65_536 ? said : undefined)
}

function portNotes(services: ReadonlyMap<string, ComposeService>): string[] {
  const notes = [...services].flatMap(([type, { name, ports }]) =>
    type === 'web'
      ? [
          ...(name === 'web' ? [] : [`${name} is process type web: requests go to it`]),
          ...(ports.published.length > 1
            ? [`${name}: of its ports the first, ${ports.published[0]}, answers requests`]
            : []),
        ]
      : ports.published
          .slice(0, 1)
          .map((port) => `${name} is not published: the app's services reach it at ${name}:${port}`),
  )
  return services.has('web') ? notes : [...notes, 'no service has ports, or is named web: nothing answers requests']
}
