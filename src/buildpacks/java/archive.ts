import { BerthError } from '../../errors.js'
import { tomcatCommand, type JavaBuild } from './program.js'
import { javaImage, mavenImage } from './version.js'

/** The programs among the names at the top of a tree. */
export const archivesOf = (names: readonly string[]): string[] =>
  names.filter((name) => /^[\w .@+-]+\.(?:jar|war)$/.test(name) && !/-(?:sources|javadoc|plain|tests)\.jar$/.test(name))

/** A jar or war that is pushed as it runs. @throws BerthError `invalid` naming them when there are several */
export function archiveProgram(archives: readonly string[], declares: boolean): JavaBuild {
  const [first = ''] = archives
  if (archives.length > 1 && !declares)
    throw new BerthError(
      'invalid',
      `several archives could be the app: ${archives.slice(0, 8).join(', ')}`,
      `name one in a Procfile: \`web: java $JAVA_OPTS -jar ${first}\``,
    )
  const isWar = first.endsWith('.war') && !declares
  return {
    tool: first,
    image: (java) => (isWar ? mavenImage('3.9', java) : javaImage(java, 'jdk')),
    cache: isWar ? '/root/.m2' : '',
    script: isWar ? ['mvn="mvn -B -ntp $MAVEN_ARGS"'] : [],
    program: declares
      ? null
      : isWar
        ? // what it is compiled against cannot be seen from outside: Java EE ended at Tomcat 9
          { command: tomcatCommand, framework: 'a war in Tomcat 10.1', tomcat: { jakarta: true, war: `'${first}'` } }
        : { command: `java $JAVA_OPTS -Dserver.port=$PORT -jar '${first}'` },
    least: null,
    notes: isWar
      ? [`${first} runs in Tomcat 10.1: one for javax.servlet, not jakarta.servlet, is to be built by its pom.xml`]
      : [],
  }
}
