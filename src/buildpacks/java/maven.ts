import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import { mainClasses, usualMain } from './main-class.js'
import { readPoms, type Pom } from './pom.js'
import { tomcatCommand, type Program } from './program.js'

/** Plugins that make a jar which has all that it needs, or knows where that lies. */
const packagers = [
  'spring-boot-maven-plugin',
  'maven-shade-plugin',
  'maven-assembly-plugin',
  'micronaut-maven-plugin',
  'onejar-maven-plugin',
]
const copyDependencies = 'dependency:copy-dependencies -DincludeScope=runtime'

/** A Maven project: what is built of it, and how that is run. */
export interface MavenProject {
  readonly poms: readonly Pom[]
  /** The module that is run; null where a Procfile says so. */
  readonly module: Pom | null
  readonly program: Program | null
}

/**
 * Finds the module of a project that is an app, and how it is run.
 * @param asked the directory of the module that is asked for
 * @param declares whether a Procfile says what runs
 * @throws BerthError `invalid` naming the modules, or the classes, when several could be meant
 */
export function mavenProject(tree: Tree, asked: string, declares: boolean): MavenProject {
  const poms = readPoms(tree)
  const [top] = poms
  const wanted = poms.find(({ directory }) => directory === asked)
  if (declares || top === undefined) return { poms, module: asked === '.' ? null : (wanted ?? null), program: null }
  const module = asked !== '.' && wanted !== undefined ? wanted : chosen(tree, poms)
  return { poms, module, program: programOf(tree, poms, module) }
}

/** Whether a directory is a module of the Maven project at the top of a tree. */
export const isModule = (tree: Tree, directory: string): boolean =>
  tree.hasFile('pom.xml') && directory !== '.' && readPoms(tree).some((pom) => pom.directory === directory)

function chosen(tree: Tree, poms: readonly Pom[]): Pom {
  const built = poms.filter(({ packaging }) => packaging !== 'pom')
  const first = built[0] ?? poms[0]
  if (built.length <= 1 && first !== undefined) return first
  const packaged = built.filter((pom) => pom.packaging === 'war' || kindOf([pom], pom) !== 'plain')
  const starting = built.filter(({ directory }) => mainClasses(tree, directory).length > 0)
  const both = packaged.filter((pom) => pom.packaging === 'war' || starting.includes(pom))
  const several = [both, packaged, starting].find(({ length }) => length > 0) ?? built
  if (several.length === 1 && several[0] !== undefined) return several[0]
  throw new BerthError(
    'invalid',
    `several modules could be the app: ${names(several.map(({ directory }) => directory))}`,
    `name one: berth builds:set dir=${several[0]?.directory ?? ''}, or write a \`web:\` line into a Procfile`,
  )
}

type Kind = 'war' | 'quarkus' | 'jar' | 'plain'

/** How a module is packaged; plugins of the poms above it are its own too. */
function kindOf(above: readonly Pom[], module: Pom): Kind {
  const has = (name: string): boolean => above.some(({ plugins }) => plugins.has(name))
  if (has('quarkus-maven-plugin')) return 'quarkus'
  if (packagers.some(has) || module.packaging === 'micronaut' || /<addClasspath>\s*true/.test(module.text)) return 'jar'
  return module.packaging === 'war' ? 'war' : 'plain'
}

function quarkusProgram(tree: Tree, { text }: Pom, at: string): Program {
  const uber = /quarkus\.package\.(?:jar\.)?type\s*[=>]\s*uber-jar/.test(
    `${text}\n${tree.read(`${at}src/main/resources/application.properties`) ?? ''}`,
  )
  const jar = uber ? 'target/*-runner.jar' : 'target/quarkus-app/quarkus-run.jar'
  return { framework: 'Quarkus', command: `java $JAVA_OPTS -Dquarkus.http.port=$PORT -jar ${at}${jar}` }
}

/** Of a jar that holds all it needs. */
function jarProgram(above: readonly Pom[], { packaging }: Pom, at: string): Program {
  const isBoot = above.some(({ plugins }) => plugins.has('spring-boot-maven-plugin'))
  const isMicronaut = above.some(({ text }) => text.includes('<artifactId>micronaut-parent<'))
  const [framework, port] = isBoot
    ? ['Spring Boot', 'server.port']
    : isMicronaut
      ? ['Micronaut', 'micronaut.server.port']
      : [undefined, 'server.port']
  const archive = isBoot && packaging === 'war' ? 'war' : 'jar'
  return {
    command: `java $JAVA_OPTS -D${port}=$PORT -jar ${at}target/*.${archive}`,
    picks: { directory: `${at}target`, archive },
    ...(framework === undefined ? {} : { framework }),
  }
}

function programOf(tree: Tree, poms: readonly Pom[], module: Pom): Program {
  const above = poms.filter(
    ({ directory }) =>
      directory === '.' || module.directory === directory || module.directory.startsWith(`${directory}/`),
  )
  const at = module.directory === '.' ? '' : `${module.directory}/`
  const kind = kindOf(above, module)
  if (kind === 'quarkus') return quarkusProgram(tree, module, at)
  if (kind === 'jar') return jarProgram(above, module, at)
  if (kind === 'war') {
    const jakarta = above.some(({ dependencies }) => dependencies.some((one) => one.startsWith('jakarta.')))
    return {
      framework: `a war in Tomcat ${jakarta ? '10.1' : '9'}`,
      command: tomcatCommand,
      tomcat: { jakarta, war: `${at}target/*.war` },
    }
  }
  const main = module.mainClass ?? mainOf(tree, module, at)
  return {
    command: `java $JAVA_OPTS -Dserver.port=$PORT -cp '${at}target/classes:${at}target/dependency/*' ${main}`,
    goals: copyDependencies,
  }
}

function mainOf(tree: Tree, { directory }: Pom, at: string): string {
  const mains = mainClasses(tree, directory)
  const main = usualMain(mains)
  if (main !== undefined) return main
  if (mains.length > 0)
    throw new BerthError(
      'invalid',
      `several classes have a main: ${names(mains)}`,
      `name one in ${at}pom.xml, <properties><exec.mainClass>${mains[0] ?? ''}</exec.mainClass></properties>, or write a \`web:\` line into a Procfile`,
    )
  throw new BerthError(
    'invalid',
    `this is a Maven project (${at}pom.xml), but nothing in it can be started: no class in ${at}src/main has a main, and it makes no war`,
    'write a `web:` line into a Procfile: `web: java -jar target/app.jar`',
  )
}

const names = (all: readonly string[]): string => `${all.slice(0, 8).join(', ')}${all.length > 8 ? ', …' : ''}`
