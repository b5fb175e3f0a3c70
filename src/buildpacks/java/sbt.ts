import { BerthError } from '../../errors.js'
import type { Tree } from '../tree.js'
import type { JavaBuild } from './program.js'
import { mavenImage, properties } from './version.js'

/** What begins sbt: it fetches the version that the project asks for. */
const launcher = 'org.scala-sbt:sbt-launch:1.10.7'

/**
 * A build by sbt, whose launcher comes from Maven Central as everything else does.
 * @throws BerthError `invalid` when nothing says what is to be run, or which sbt
 */
export function sbtBuild(tree: Tree, declares: boolean): JavaBuild {
  const version = properties(tree.read('project/build.properties') ?? '')['sbt.version']
  if (version === undefined)
    throw new BerthError(
      'invalid',
      'build.sbt is there, and project/build.properties does not say which sbt builds it',
      'write `sbt.version=1.10.7` into project/build.properties',
    )
  const { packager, isPlay } = pluginsOf(tree)
  // what its packager calls the program: the project's name, where that is plain to see
  const name = /^\s*(?:ThisBuild\s*\/\s*)?name\s*:=\s*"([\w .-]+)"/m.exec(tree.read('build.sbt') ?? '')?.[1]
  const program = name === undefined ? '*' : name.toLowerCase().replaceAll(/\W+/g, '-')
  const command = packager
    ? `bash target/universal/stage/bin/${program} ${isPlay ? '-Dhttp.port=$PORT' : '-Dserver.port=$PORT'}`
    : 'java $JAVA_OPTS -Dserver.port=$PORT -jar target/scala-*/*-assembly-*.jar'
  return {
    tool: 'sbt',
    image: (java) => mavenImage('3.9', java),
    cache: '/root/.cache',
    script: [
      `mvn="mvn -B -ntp $MAVEN_ARGS -Dmaven.repo.local=/root/.cache/m2"`,
      `[ -e /root/.cache/sbt/sbt-launch.jar ] || $mvn org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=${launcher} -DoutputDirectory=/root/.cache/sbt -Dmdep.stripVersion=true`,
      `java $SBT_OPTS -Xss4m -Dsbt.global.base=/root/.cache/sbt/global -Dsbt.boot.directory=/root/.cache/sbt/boot -Dsbt.ivy.home=/root/.cache/ivy2 -Dsbt.color=false -Dsbt.supershell=false -jar /root/.cache/sbt/sbt-launch.jar \${SBT_TASKS:-${packager ? 'stage' : 'assembly'}}`,
      'rm -rf project/target target/streams target/task-temp-directory',
      ...(packager ? ['find target -mindepth 1 -maxdepth 1 ! -name universal -exec rm -rf {} +'] : []),
    ],
    program: declares ? null : { command, ...(isPlay ? { framework: 'Play' } : {}) },
    least: null,
    notes: [],
  }
}

/** What packs the program: sbt-native-packager, or else sbt-assembly. @throws BerthError `invalid` where nothing does */
function pluginsOf(tree: Tree): { readonly packager: boolean; readonly isPlay: boolean } {
  const plugins = tree
    .names('project')
    .filter((name) => name.endsWith('.sbt'))
    .map((name) => tree.read(`project/${name}`) ?? '')
    .join('\n')
  const packager = /sbt-native-packager|"sbt-plugin"\s*%\s*"|sbt-play|play.*sbt-plugin/.test(plugins)
  if (!packager && !plugins.includes('sbt-assembly'))
    throw new BerthError(
      'invalid',
      'this is an sbt project without a plugin that makes something that runs',
      'add `addSbtPlugin("com.github.sbt" % "sbt-native-packager" % "1.10.4")` to project/plugins.sbt and `enablePlugins(JavaAppPackaging)` to build.sbt',
    )
  return { packager, isPlay: /play/i.test(plugins) }
}
