type Reason = readonly [RegExp, (found: RegExpExecArray) => string]

/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly Reason[] = [
  [/^berth: (.+)$/, ([, said = '']) => said],
  [
    /(?:Exception in thread|UnknownHostException|ConnectException|SocketTimeoutException|Downloading).*?(?:https?:\/\/)?([\w.-]*gradle[\w.-]*)/,
    ([, host = '']) =>
      `Gradle could not be fetched from ${host}, as the wrapper asks: point distributionUrl in gradle/wrapper/gradle-wrapper.properties to a mirror that can be reached, or build with Maven`,
  ],
  [
    /GradleWrapperMain|jarfile .*gradle-wrapper\.jar/,
    () =>
      'gradle/wrapper/gradle-wrapper.jar is not in git: `git add -f gradle/wrapper/gradle-wrapper.jar`, commit and push again',
  ],
  [
    /^\[ERROR\] .*?\/?(?:app\/)?((?:[\w.-]+\/)*src\/[\w./$-]+):\[(\d+),(\d+)\] (.+)$/,
    ([, file = '', line = '', column = '', what = '']) => `it does not compile: ${file}:${line}:${column}: ${what}`,
  ],
  [
    /^(?:e: )?(?:file:\/\/)?\/app\/(\S+\.(?:java|kts?|scala)):(\d+)(?::\d+)?:?\s+(?:error: )?(.+)$/,
    ([, file = '', line = '', what = '']) => `it does not compile: ${file}:${line}: ${what}`,
  ],
  [
    /^\[error\] (?:-- .*Error: )?\/?(?:app\/)?(\S+\.(?:java|scala)):(\d+)(?::\d+)?:?\s*(.*)$/,
    ([, file = '', line = '', what = '']) => `it does not compile: ${file}:${line}: ${what}`,
  ],
  [
    /(?:release version|invalid target release:?|invalid source release:?) ?(\d[\d.]*)(?: not supported)?/,
    ([, version = '']) =>
      `this JDK does not compile for Java ${version}: write java.runtime.version=${version} into system.properties`,
  ],
  [
    /class file version (\d+)(?:\.0)?|wrong version (\d+)(?:\.0)?, should be/,
    ([, one, other]) =>
      `a library or plugin was compiled for Java ${String(Number(one ?? other) - 44)}: write java.runtime.version=${String(Number(one ?? other) - 44)} into system.properties`,
  ],
  [/Non-parseable POM \/?(?:app\/)?(\S+?):? (.+)/, ([, file = '', what = '']) => `${file} cannot be read: ${what}`],
  [
    /Could not find artifact (\S+) in /,
    ([, artifact = '']) =>
      `${artifact} does not exist: see its name and version in pom.xml, and <repositories> if it is elsewhere`,
  ],
  [
    /Could not (?:find|resolve) ([\w.-]+:[\w.-]+:[\w.-]*\w)\.?$/,
    ([, artifact = '']) => `${artifact} does not exist: see its name and version in build.gradle`,
  ],
  [
    /'dependencies\.dependency\.version' for (\S+) is missing/,
    ([, artifact = '']) => `${artifact} has no version in pom.xml`,
  ],
  [
    /Could not transfer artifact (\S+) from\/to \S+ \((.*?)\): (.+?)(?: and '|$)/,
    ([, artifact = '', , what = '']) => `${artifact} could not be fetched: ${what}`,
  ],
  [
    /there is no POM in this directory \((.+?)\)/,
    ([, directory = '']) =>
      `there is no pom.xml in ${directory}: run Maven where it lies, or name it, \`mvn -f <folder>\``,
  ],
  [/^\[ERROR\] There are test failures/, () => 'tests fail: see above'],
  [/^\[ERROR\] (Failed to execute goal .+?)(?: -> \[Help 1\])?$/, ([, what = '']) => what.slice(0, 400)],
]

/** Why a build of Maven, Gradle or sbt failed; null where its last lines do not tell. */
export function javaReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(plain(line))
      if (found) return words(found)
    }
  return null
}

/** A line without its colours. */
const plain = (line: string): string =>
  line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g'), '').trim()
