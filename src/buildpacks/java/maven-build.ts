import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import type { JavaBuild } from './program.js'
import { mavenProject } from './maven.js'
import { majorOf, mavenImage, mavenVersion } from './version.js'

/** Processes that use one repository at a time keep out of each other's way by locks on its files. */
const locks = '-Daether.syncContext.named.factory=file-lock -Daether.syncContext.named.nameMapper=file-gav'

/** Shell words that a run of Maven begins with: as the app's wrapper has it, with the settings that it brings. */
function command(tree: Tree): string {
  const wrapped = tree.hasFile('mvnw') && /^distributionUrl\s*=/m.test(wrapper(tree))
  const settings = tree.hasFile('settings.xml') ? '-s settings.xml' : '$MAVEN_ARGS'
  return `${wrapped ? 'sh ./mvnw' : 'mvn'} -B -ntp ${settings} ${locks} $MAVEN_CUSTOM_OPTS`
}

const wrapper = (tree: Tree): string => tree.read('.mvn/wrapper/maven-wrapper.properties') ?? ''

/**
 * A build by Maven: without the network where it has built with the same build files before.
 * @param asked the directory of the module that is asked for
 * @throws BerthError `invalid` as `mavenProject`
 */
export function mavenBuild(tree: Tree, asked: string, declares: boolean): JavaBuild {
  const { poms, module, program } = mavenProject(tree, asked, declares)
  const major = (text: string): number => majorOf(text) ?? 0
  const [newest] = poms
    .flatMap(({ directory, compilesFor }) =>
      compilesFor === undefined || major(compilesFor) === 0
        ? []
        : [{ text: compilesFor, place: directory === '.' ? 'pom.xml' : `${directory}/pom.xml` }],
    )
    .toSorted((one, other) => major(other.text) - major(one.text))
  const chosen = module === null || module.directory === '.' ? '' : ` -pl ${module.directory} -am`
  if (tree.hasFile('mvnw') && wrapper(tree).includes('apache-maven-2'))
    throw new BerthError(
      'invalid',
      'the Maven wrapper asks for Maven 2',
      'run `mvn wrapper:wrapper`, and commit what it writes',
    )
  return {
    tool: 'Maven',
    image: (java) => mavenImage(mavenVersion(tree), java),
    cache: '/root/.m2',
    script: [
      `export MAVEN_OPTS="$MAVEN_OPTS \${MAVEN_JAVA_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1}"`,
      ...(tree.hasFile('mvnw') ? [`sed -i 's/\\r$//' mvnw`] : []),
      `mvn="${command(tree)}"`,
      `build="$mvn \${MAVEN_CUSTOM_GOALS:--DskipTests package${program?.goals === undefined ? '' : ` ${program.goals}`}}${chosen}"`,
      `known=/root/.m2/berth/$({ echo "$build"; find . -name pom.xml -print0 | sort -z | xargs -0 cat; cat .mvn/*.* 2>/dev/null || true; } | sha256sum | cut -c1-40)`,
      'if [ -e "$known" ]; then',
      '  { $build -o || touch /tmp/failed; } 2>&1 | tee /tmp/log',
      '  if [ ! -e /tmp/failed ]; then :',
      '  elif grep -qE "offline mode|in offline" /tmp/log; then $build',
      '  else exit 1; fi',
      'else',
      '  $build',
      '  mkdir -p /root/.m2/berth && touch "$known"',
      'fi',
    ],
    program,
    least: newest ?? null,
    notes: [],
  }
}
