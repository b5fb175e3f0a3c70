import type { Program } from './program.js'
import { tomcatArtifact } from './program.js'
import { javaImage } from './version.js'
import { addUser, commandLines, home } from '../image-lines.js'

/** What a plan's Dockerfile is made of. */
export interface Steps {
  /** The image that builds. */
  readonly image: string
  readonly java: string
  /** Lines of the script that builds, in the directory of the app; empty when it comes built. */
  readonly build: readonly string[]
  /** Where the build tool keeps what it fetches. */
  readonly cache: string
  readonly program: Program | null
  /** Whether what runs is started from compiled classes. */
  readonly keepsClasses: boolean
  readonly command: string | null
}

/** Libraries of Spring Boot and of wars are laid beside the app's own classes. */
const libraries = ['lib', 'libs', 'dependency', 'quarkus-app/lib', 'WEB-INF/lib']

/**
 * Everything is built in one step, as a build tool resolves while it builds; it keeps what it fetched, and with unchanged
 * build files goes without the network. The image has two layers: the libraries, which a changed line leaves as they are,
 * and the rest of the tree without its sources.
 */
export function dockerfileOf({ image, java, build, cache, program, keepsClasses, command }: Steps): string {
  const mount = cache === '' ? '' : `--mount=type=cache,target=${cache} `
  return [
    `FROM ${image} AS build`,
    `WORKDIR ${home}`,
    'COPY . .',
    `RUN ${mount}<<'BUILD'`,
    'set -e',
    ...build,
    ...(program?.tomcat === undefined ? [] : tomcat(program.tomcat)),
    ...(program?.picks === undefined ? [] : pick(program.picks)),
    ...kept(keepsClasses),
    'BUILD',
    '',
    `FROM ${javaImage(java, 'jre')}`,
    // some of the official images have a user of that number
    `RUN userdel -r ubuntu 2>/dev/null; ${addUser}`,
    `ENV HOME=${home} LANG=C.UTF-8 JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError"`,
    `WORKDIR ${home}`,
    `COPY --from=build --chown=app:app /out/libraries ${home}`,
    `COPY --from=build --chown=app:app /out/app ${home}`,
    'USER app',
    ...commandLines(command),
    '',
  ].join('\n')
}

/** Leaves one archive: the largest that has a main class. */
const pick = ({ directory, archive }: { readonly directory: string; readonly archive: string }): string[] => [
  `cd ${quoted(directory)} && best=`,
  `for file in $(ls -S -- *.${archive} 2>/dev/null | grep -vE '^original-|-(sources|javadoc|tests|plain)\\.jar$'); do`,
  '  (mkdir -p /tmp/manifest && cd /tmp/manifest && jar xf "$OLDPWD/$file" META-INF/MANIFEST.MF)',
  '  if grep -q "^Main-Class:" /tmp/manifest/META-INF/MANIFEST.MF; then best=$file; break; fi',
  'done',
  `[ -n "$best" ] || { echo "berth: no ${archive} in ${directory} has a main class:" *.${archive}; exit 1; }`,
  `for file in *.${archive}; do [ "$file" = "$best" ] || rm -- "$file"; done`,
  `cd ${home}`,
]

const tomcat = (war: { readonly jakarta: boolean; readonly war: string }): string[] => [
  `$mvn org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=${tomcatArtifact(war)} -DoutputDirectory=/opt/got`,
  'mkdir -p tomcat/webapps/ROOT && tar -xzf /opt/got/*.tar.gz -C tomcat --strip-components=1 --exclude=*/webapps/* --exclude=*/conf/logging.properties --exclude=*.bat',
  `(cd tomcat/webapps/ROOT && jar xf ${home}/${war.war})`,
  `rm ${war.war}`,
  `cat >tomcat/conf/server.xml <<'SERVER'`,
  '<Server port="-1">',
  '  <Service name="Catalina">',
  '    <Connector port="${port.http}" protocol="HTTP/1.1"/>',
  '    <Engine name="Catalina" defaultHost="localhost">',
  '      <Host name="localhost" appBase="webapps" autoDeploy="false">',
  '        <Valve className="org.apache.catalina.valves.RemoteIpValve" protocolHeader="x-forwarded-proto"/>',
  '      </Host>',
  '    </Engine>',
  '  </Service>',
  '</Server>',
  'SERVER',
]

/** Takes Spring Boot's archives apart, and sorts what runs from what was for the build. */
const kept = (keepsClasses: boolean): string[] => [
  `find . -type d -name target -prune | while read -r target; do`,
  '  (cd "$target"',
  `  rm -rf test-classes generated-* maven-* surefire-reports ./*.original original-*.jar ./*-sources.jar ./*-javadoc.jar ./*-tests.jar${keepsClasses ? '' : ' classes'}`,
  '  for jar in *.jar; do',
  '    grep -qas BOOT-INF/lib/spring-boot-jarmode-tools "$jar" || continue',
  '    java -Djarmode=tools -jar "$jar" extract --destination .extracted && cp -r .extracted/. . && rm -r .extracted',
  '  done)',
  'done',
  'mkdir -p /out/app /out/libraries',
  `tar -c --exclude-vcs --exclude='*.java' --exclude='*.kt' --exclude='*.scala' --exclude=src/test --exclude=.mvn --exclude=.gradle --exclude='mvnw*' --exclude='gradlew*' --exclude='bin/*.bat' . | tar -x -C /out/app`,
  'cd /out/app',
  `find . -type d \\( ${libraries.map((path) => `-path '*/${path}'`).join(' -o ')} \\) -prune | grep -v '/src/' | while read -r found; do`,
  '  mkdir -p "/out/libraries/$(dirname "$found")" && mv "$found" "/out/libraries/$found"',
  'done',
  // a jar of the project's own changes with its code
  `find . -name '*.jar' | while read -r own; do find /out/libraries -name "$(basename "$own")" | while read -r found; do`,
  '  copy=${found#/out/libraries/} && mkdir -p "$(dirname "$copy")" && mv "$found" "$copy"',
  'done; done',
]

/** A path as a word of the shell. */
const quoted = (path: string): string => (/^[\w./@+-]+$/.test(path) ? path : `'${path}'`)
