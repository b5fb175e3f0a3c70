import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import type { JavaBuild, Program } from './program.js'
import { javaImage } from './version.js'

/** Files by which a Gradle build is known. */
export const gradleFiles = [
  'build.gradle',
  'build.gradle.kts',
  'settings.gradle',
  'settings.gradle.kts',
  'gradlew',
] as const

/** The Gradle of an app without a wrapper. */
const defaultGradle = '8'

/**
 * A build by Gradle, as its wrapper has it. What cannot be seen from text, a build written as a program, is left to Gradle.
 * @throws BerthError `invalid` when nothing says what is to be run
 */
export function gradleBuild(tree: Tree, declares: boolean): JavaBuild {
  const directories = ['.', ...projects(tree)]
  const scripts = directories.map((directory) => ({ directory, text: scriptOf(tree, directory) }))
  const all = [...scripts.map(({ text }) => text), tree.read('gradle/libs.versions.toml') ?? ''].join('\n')
  const program = declares ? null : programOf(scripts)
  const wrapped = hasWrapper(tree)
  const task = /\bstage\b/.test(all) ? 'stage' : (program?.goals ?? 'build -x check')
  const version = leastJava(all)
  return {
    tool: 'Gradle',
    image: (java) => (wrapped ? javaImage(java, 'jdk') : `gradle:${defaultGradle}-jdk${java}`),
    cache: '/root/.gradle',
    script: [
      'export GRADLE_USER_HOME=/root/.gradle',
      ...(wrapped ? [`sed -i 's/\\r$//' gradlew`] : []),
      `build="${wrapped ? 'sh ./gradlew' : 'gradle'} --no-daemon --console=plain --build-cache \${GRADLE_TASK:-${task}}"`,
      `known=/root/.gradle/berth/$({ echo "$build"; find . \\( -name '*.gradle' -o -name '*.gradle.kts' -o -name gradle.properties -o -path './gradle/*' \\) -type f -print0 | sort -z | xargs -0 cat; } | sha256sum | cut -c1-40)`,
      'if [ -e "$known" ]; then',
      '  { $build --offline || touch /tmp/failed; } 2>&1 | tee /tmp/log',
      '  if [ ! -e /tmp/failed ]; then :',
      '  elif grep -q "offline mode" /tmp/log; then $build',
      '  else exit 1; fi',
      'else',
      '  $build',
      '  mkdir -p /root/.gradle/berth && touch "$known"',
      'fi',
    ],
    program,
    least: version === undefined ? null : { text: version, place: 'the Gradle build' },
    notes: wrapped
      ? []
      : [`no gradlew: built with Gradle ${defaultGradle}; \`gradle wrapper\` writes one, which pins the version`],
  }
}

/** The Java that the build's text asks for at least. */
function leastJava(text: string): string | undefined {
  const least =
    /JavaLanguageVersion\.of\(\s*["']?(\d+)|jvmToolchain\(\s*(\d+)|(?:source|target)Compatibility\s*=\s*["']?(?:JavaVersion\.VERSION_)?([\d._]+)/.exec(
      text,
    )
  return (least as (string | undefined)[] | null)
    ?.slice(1)
    .find((one) => one !== undefined)
    ?.replace('_', '.')
}

/**
 * Whether the build brings its Gradle. What the wrapper would look for in vain is said before a JDK is made for it.
 * @throws BerthError `invalid` for a wrapper of which a part is not in git: `*.jar` in a .gitignore does that
 */
function hasWrapper(tree: Tree): boolean {
  const script = tree.read('gradlew')
  if (script === null) return tree.hasFile('gradlew')
  const parts = ['gradle/wrapper/gradle-wrapper.jar', 'gradle/wrapper/gradle-wrapper.properties']
  const missing = parts.filter((file) => !tree.hasFile(file))
  if (script.includes('gradle-wrapper.jar') && missing.length > 0)
    throw new BerthError(
      'invalid',
      `gradlew needs ${missing.join(' and ')}, which ${missing.length > 1 ? 'are' : 'is'} not in git`,
      `run \`gradle wrapper\` if ${missing.length > 1 ? 'they are' : 'it is'} not on your machine, then \`git add -f ${missing.join(' ')}\`, commit and push again`,
    )
  return true
}

const scriptOf = (tree: Tree, directory: string): string =>
  ['build.gradle', 'build.gradle.kts']
    .map((file) => tree.read(directory === '.' ? file : `${directory}/${file}`) ?? '')
    .join('\n')
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')

/** The projects that settings.gradle includes, as far as it names them plainly. */
function projects(tree: Tree): string[] {
  const settings = `${tree.read('settings.gradle') ?? ''}\n${tree.read('settings.gradle.kts') ?? ''}`
  const included = [...settings.matchAll(/^\s*include[\s(]+([^\n)]+)/gm)].flatMap(([, list = '']) =>
    [...list.matchAll(/["']:?([\w:.-]+)["']/g)].map(([, name = '']) => name.replaceAll(':', '/')),
  )
  return included.filter((directory) => !directory.includes('..')).slice(0, 200)
}

/** Plugins that make something that runs, by what they are called in a build, in the order in which they count. */
const kinds = [
  { sign: /io\.quarkus\b/, kind: 'quarkus' },
  {
    sign: /org\.springframework\.boot\b|libs\.plugins\.(?:spring\.?boot|springBoot|spring\.framework\.boot)/i,
    kind: 'boot',
  },
  { sign: /io\.micronaut\.application\b|libs\.plugins\.micronaut/, kind: 'shadow' },
  { sign: /io\.ktor\.plugin\b|libs\.plugins\.ktor/, kind: 'application' },
  { sign: /com\.(?:gradleup|github\.johnrengelman)\.shadow\b|libs\.plugins\.shadow/, kind: 'shadow' },
  { sign: /(?:^|[\s"'({`])application(?:["')}`\s]|$)|plugin:\s*['"]application['"]/m, kind: 'application' },
] as const

function programOf(scripts: readonly { readonly directory: string; readonly text: string }[]): Program {
  for (const { sign, kind } of kinds) {
    const found = scripts.filter(({ text }) =>
      text.split('\n').some((line) => sign.test(line) && !/apply\s*\(?\s*false/.test(line)),
    )
    const [one] = found
    if (one === undefined) continue
    if (found.length > 1 && !found.some(({ directory }) => directory === '.'))
      throw new BerthError(
        'invalid',
        `several projects could be the app: ${found.map(({ directory }) => directory).join(', ')}`,
        `write a \`web:\` line into a Procfile: \`web: java -jar ${one.directory}/build/libs/app.jar\``,
      )
    const at = one.directory === '.' ? '' : `${one.directory}/`
    const prefix = at === '' ? '' : `:${one.directory.replaceAll('/', ':')}:`
    if (kind === 'quarkus')
      return {
        framework: 'Quarkus',
        goals: `${prefix}build -x check`,
        command: `java $JAVA_OPTS -Dquarkus.http.port=$PORT -jar ${at}build/quarkus-app/quarkus-run.jar`,
      }
    if (kind === 'application') return { goals: `${prefix}installDist`, command: `sh ${at}build/install/*/bin/*` }
    return {
      ...(kind === 'boot' ? { framework: 'Spring Boot' } : {}),
      goals: `${prefix}${kind === 'boot' ? 'bootJar' : 'shadowJar'}`,
      command: `java $JAVA_OPTS -Dserver.port=$PORT -Dmicronaut.server.port=$PORT -jar ${at}build/libs/*.jar`,
      picks: { directory: `${at}build/libs`, archive: 'jar' },
    }
  }
  throw new BerthError(
    'invalid',
    'this is a Gradle build, but nothing in it says what is run: no Spring Boot, Quarkus, Ktor, shadow or application plugin',
    "add `id 'application'` and its mainClass to build.gradle, or write a `web:` line into a Procfile",
  )
}
