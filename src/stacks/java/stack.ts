import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianJava, mavenOf } from '../../buildpacks/java/version.js'
import { BerthError } from '../../errors.js'
import { aptUpdate } from '../debian.js'
import { lineOf, partsLabel, type Stack, type StackParts, type StackSource } from '../stack.js'

const temurin = /^(?:docker\.io\/)?(?:library\/)?eclipse-temurin:(\d{1,2})-(jdk|jre)(?:-(?:jammy|noble))?$/
const openjdk = /^(?:docker\.io\/)?(?:library\/)?openjdk:(\d{1,2})(?:-(jdk|jre))?-slim(?:-(?:bookworm|bullseye))?$/
const maven =
  /^(?:docker\.io\/)?(?:library\/)?maven:(3(?:\.\d{1,2}){0,2})-(?:eclipse-temurin|openjdk|amazoncorretto)-(\d{1,2})(?:-(?:slim|jammy|noble|debian))?$/
const gradle = /^(?:docker\.io\/)?(?:library\/)?gradle:(\d[\d.]*)-jdk(\d{1,2})$/

const cleaned =
  'rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/lintian'

/** The official images of OpenJDK and Maven, made of Debian's OpenJDK: of those versions that a release of Debian has. */
export const javaStack: Stack = {
  needs: 'the Debian mirror and Maven Central',
  versionOf(image) {
    const [, java = '', kind = 'jdk'] = temurin.exec(image) ?? openjdk.exec(image) ?? []
    if (java !== '') return `${kind} ${java}`
    const [, release, on = ''] = maven.exec(image) ?? []
    if (release !== undefined) return `maven ${on} ${release}`
    const [, line, below = ''] = gradle.exec(image) ?? []
    return line === undefined ? null : `gradle ${below} ${line}`
  },
  parts: (_cache, version) =>
    new Promise((resolve) => {
      const [kind = '', java = '', tool = ''] = version.split(' ')
      if (kind === 'gradle')
        throw new BerthError(
          'unavailable',
          `Gradle ${tool} is not to be had: no registry that has its image can be reached, and nothing else has Gradle`,
          'commit a wrapper whose distributionUrl can be reached (`gradle wrapper --gradle-distribution-url <url>`), or build with Maven',
        )
      const release = debianJava[java]
      if (release === undefined)
        throw new BerthError(
          'unavailable',
          `Java ${java} is not to be had: no registry that has its image can be reached, and Debian has ${Object.keys(debianJava).join(', ')}`,
          Number(java) < 17
            ? 'ask for 17 (java.runtime.version=17 in system.properties): it runs what was compiled for older ones, and compiles for them (maven.compiler.release)'
            : 'ask for one of those (java.runtime.version in system.properties), or give Berth a registry mirror: BERTH_REGISTRY_MIRRORS',
        )
      resolve({
        java,
        debian: release,
        // Debian's patches come without a new name: it is made again in another month
        of: new Date().toISOString().slice(0, 7),
        ...(kind === 'jre' ? { kind } : {}),
        ...(kind === 'maven' ? { maven: mavenOf(tool) } : {}),
      })
    }),
  async source(_cache, parts): Promise<StackSource> {
    const directory = await mkdtemp(join(tmpdir(), 'berth-stack-'))
    const dispose = () => rm(directory, { recursive: true, force: true })
    return { directory, dockerfile: dockerfileOf(parts), [Symbol.asyncDispose]: dispose }
  },
  describe: ({ java = '', kind, maven: tool }) =>
    [
      `OpenJDK ${java} of Debian`,
      ...(kind === 'jre' ? ['its runtime alone'] : []),
      ...(tool === undefined ? [] : [`Maven ${tool}`]),
    ].join(', '),
}

const environment =
  'ENV JAVA_HOME=/opt/java/openjdk LANG=C.UTF-8 PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Another release of Debian than the image's own brings its C library with it. */
const install = ({ debian = '' }: StackParts, packages: string): string =>
  `RUN mkdir -p /usr/share/man/man1 ${debian === 'bookworm' ? '' : `&& sed -i s/bookworm/${debian}/g /etc/apt/sources.list.d/debian.sources `}\\
 && ${aptUpdate} && apt-get install -qy --no-install-recommends ${packages} && ${cleaned}`

/** What a program needs to run; the tools of a JDK are left out. */
const runtime = `RUN jlink --output /opt/java/runtime --strip-java-debug-attributes --no-man-pages --no-header-files --compress=2 --add-modules "$(java --list-modules | sed 's/@.*//' \\
 | grep -vE '^jdk\\.(attach|compiler|editpad|graal.*|hotspot\\.agent|incubator\\..*|internal\\.(ed|jvmstat|le|md|opt|vm\\.compiler.*)|jartool|javadoc|jcmd|jconsole|jdeps|jdi|jlink|jpackage|jshell|jstatd|unsupported\\.desktop)$' | paste -sd,)" \\
 && cp -L "$JAVA_HOME/lib/security/cacerts" /opt/java/runtime/lib/security/cacerts && /opt/java/runtime/bin/java -Xshare:dump >/dev/null`

function dockerfileOf(parts: StackParts): string {
  const jdk = [
    'FROM debian:bookworm-slim AS jdk',
    install(parts, `ca-certificates curl fontconfig git openjdk-${parts.java ?? ''}-jdk-headless tzdata unzip`),
    'RUN mkdir /opt/java && ln -s "$(readlink -f /usr/bin/javac | sed s,/bin/javac,,)" /opt/java/openjdk',
    environment,
  ]
  const label = `LABEL ${partsLabel}="${lineOf(parts)}"`
  if (parts.kind === 'jre')
    return [
      ...jdk,
      runtime,
      'FROM debian:bookworm-slim',
      install(parts, 'ca-certificates fontconfig libfreetype6 libharfbuzz0b libjpeg62-turbo liblcms2-2 tzdata'),
      environment,
      'COPY --from=jdk /opt/java/runtime /opt/java/openjdk',
      `RUN java --version`,
      label,
      '',
    ].join('\n')
  if (parts.maven !== undefined)
    return [
      ...jdk,
      'FROM jdk AS fetch',
      fetched(parts),
      'FROM jdk',
      'COPY --from=fetch /opt/maven /usr/share/maven',
      'RUN ln -s /usr/share/maven/bin/mvn /usr/bin/mvn && mvn --version',
      'ENV MAVEN_HOME=/usr/share/maven MAVEN_CONFIG=/root/.m2',
      label,
      'CMD ["mvn"]',
      '',
    ].join('\n')
  return [...jdk, label, ''].join('\n')
}

/** Debian's Maven fetches the release from Maven Central, wherever it is set to look for that; it reads no MAVEN_ARGS itself. */
const fetched = (parts: StackParts): string => `${install(parts, 'maven')}
RUN /usr/share/maven/bin/mvn $MAVEN_ARGS -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=org.apache.maven:apache-maven:${parts.maven ?? ''}:tar.gz:bin -DoutputDirectory=/opt/got \\
 || { echo 'berth: Maven Central has no Maven ${parts.maven ?? ''}'; exit 1; }
RUN mkdir /opt/maven && tar -xzf /opt/got/*.tar.gz -C /opt/maven --strip-components=1`
