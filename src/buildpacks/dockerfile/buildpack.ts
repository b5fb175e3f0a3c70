import { own } from '../../lib/own.js'
import { buildSettings } from '../build-settings.js'
import type { Buildpack, Plan } from '../buildpack.js'
import { declaredTypes, processType, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { failureOf } from './failure.js'
import { readHerokuYml, type HerokuYml } from './heroku-yml.js'
import { readImage, type OwnImage } from './image.js'

/**
 * An app that brings its own Dockerfile, or several. Where no Procfile says what runs its `web` process is the image's own
 * command.
 */
export const dockerfile: Buildpack = {
  name: 'dockerfile',
  takes: 'a Dockerfile',
  landmark: 'Dockerfile',
  plan,
  failure: failureOf,
}

/** Types that have a Dockerfile of their own without a Procfile that names them: `Dockerfile.dev` is no process. */
const usualTypes: ReadonlySet<string> = new Set(['web', 'worker', 'clock', 'release'])

type Variables = Readonly<Record<string, string>>

function plan(tree: Tree, variables: Variables): Plan | null {
  const asked = variables[buildSettings.dockerfile] ?? ''
  if (asked !== '') return byProcfile(tree, variables, { main: asked, others: {} })
  const yml = tree.read('heroku.yml')
  const heroku = yml === null ? null : readHerokuYml(yml)
  if (heroku !== null) return byHerokuYml(tree, variables, heroku)
  const declared = declaredTypes(tree)
  const others = Object.fromEntries(
    tree
      .names()
      .map((name) => [/^Dockerfile\.(.+)$/.exec(name)?.[1] ?? '', name] as const)
      .filter(([type]) => processType.test(type) && (usualTypes.has(type) || Object.hasOwn(declared, type))),
  )
  const main = tree.hasFile('Dockerfile') ? 'Dockerfile' : (others.web ?? Object.values(others)[0])
  return main === undefined ? null : byProcfile(tree, variables, { main, others })
}

/** The Dockerfiles of an app: one for all process types, and those of some types' own. */
interface Dockerfiles {
  readonly main: string
  readonly others: Readonly<Record<string, string>>
}

function byProcfile(tree: Tree, variables: Variables, { main, others }: Dockerfiles): Plan {
  const declared = declaredTypes(tree)
  const declares = saysWhatRuns(declared)
  const commands = Object.fromEntries(Object.keys(others).map((type) => [type, own(declared, type) ?? null]))
  // without a Procfile an image of all is an image of `web`
  const web = declares || others.web !== undefined || Object.values(others).includes(main) ? {} : { web: null }
  const processTypes = { ...web, ...declared, ...commands }
  const target = variables[buildSettings.target] ?? ''
  const image = (dockerfile: string, stage = '') => readImage(tree, variables, { dockerfile, target: stage })
  const apart = Object.entries(others).filter(([, name]) => name !== main)
  const isUsed = Object.keys(processTypes).some((type) => !apart.some(([other]) => other === type))
  const [first] = apart
  // `berth run` needs an image, and builds none for itself
  const plain = isUsed || first === undefined ? main : (others.web ?? first[1])
  return planOf({
    image: image(plain, target),
    images: Object.fromEntries(apart.filter(([, name]) => name !== plain).map(([type, name]) => [type, image(name)])),
    processTypes,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: unusedNotes(tree, [plain, ...Object.values(others)]),
    found: [...new Set([plain, ...Object.values(others)])].join(', '),
  })
}

function byHerokuYml(tree: Tree, variables: Variables, { images, args, run, notes }: HerokuYml): Plan {
  const built = Object.fromEntries(
    Object.entries(images).map(([type, { dockerfile, target = '' }]) => {
      const at = dockerfile.lastIndexOf('/')
      const place =
        at === -1 ? { dockerfile } : { context: dockerfile.slice(0, at), dockerfile: dockerfile.slice(at + 1) }
      return [type, readImage(tree, variables, { ...place, target, args, namedBy: 'heroku.yml' })]
    }),
  )
  const image = built.web ?? Object.values(built)[0]
  if (image === undefined) throw new Error('heroku.yml names no image')
  const types = Object.entries(run)
  return planOf({
    image,
    images: Object.fromEntries(
      types.flatMap(([type, { image: of }]) => {
        const other = built[of]
        return other === undefined || other === image ? [] : [[type, other]]
      }),
    ),
    processTypes: Object.fromEntries(types.map(([type, { command }]) => [type, command])),
    origin: 'heroku.yml',
    notes: [...notes, ...(tree.hasFile('Procfile') ? ['heroku.yml says what runs; the Procfile is not read'] : [])],
    found: 'heroku.yml',
  })
}

function planOf(made: {
  readonly image: OwnImage
  readonly images: Readonly<Record<string, OwnImage>>
  readonly processTypes: Plan['processTypes']
  readonly origin: Plan['origin']
  readonly notes: readonly string[]
  readonly found: string
}): Plan {
  const { image, images, notes, ...rest } = made
  return {
    ...image,
    ...rest,
    notes: [...new Set([...notes, ...[image, ...Object.values(images)].flatMap((one) => one.notes)])],
    buildpack: 'dockerfile',
    name: 'Dockerfile',
    version: '',
    ...(Object.keys(images).length === 0 ? {} : { images }),
  }
}

/** Dockerfiles at the top that are not built. */
function unusedNotes(tree: Tree, used: readonly string[]): string[] {
  const unused = tree
    .names()
    .filter((name) => /^Dockerfile(?:\.|$)/.test(name) && !name.endsWith('.dockerignore') && !used.includes(name))
  const [first] = unused
  if (first === undefined) return []
  return [
    `${unused.slice(0, 5).join(', ')} is not built: name its process type in a Procfile, or berth builds:set dockerfile=${first}`,
  ]
}
