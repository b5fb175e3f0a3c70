import { expect } from 'chai'
import { javaReason } from '../../../src/buildpacks/java/failure.js'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const web = (files: Files): string | null | undefined => planOf(files).processTypes.web

describe('a Gradle build', () => {
  it('is run as its plugin packs it', () => {
    const boot = planOf({
      gradlew: '',
      'build.gradle': "plugins {\n  id 'org.springframework.boot' version '3.5.7'\n}\n",
    })
    expect(boot.found).to.equal('Java app (Spring Boot, Gradle)')
    expect(boot.processTypes.web).to.match(/-Dserver\.port=\$PORT .*-jar build\/libs\/\*\.jar$/)
    expect(boot.dockerfile).to.include('FROM eclipse-temurin:17-jdk AS build').and.include('GRADLE_TASK:-bootJar}')
    expect(web({ 'build.gradle.kts': 'plugins {\n    application\n}\n', gradlew: '' })).to.equal(
      'sh build/install/*/bin/*',
    )
    expect(web({ 'build.gradle': "apply plugin: 'application'", gradlew: '' })).to.equal('sh build/install/*/bin/*')
    expect(web({ 'build.gradle': "plugins { id 'io.quarkus' }", gradlew: '' })).to.include('quarkus-run.jar')
    expect(web({ 'build.gradle.kts': 'plugins { id("com.gradleup.shadow") }', gradlew: '' })).to.include('-jar')
    const commented = "// id 'org.springframework.boot'\nplugins { id 'java' }"
    expect(complaintOf({ 'build.gradle': commented, gradlew: '' })).to.match(
      /^this is a Gradle build, but nothing in it says what is run.*\n.*Procfile/,
    )
  })

  it('of several projects has one that is the app', () => {
    const files = {
      gradlew: '',
      'settings.gradle.kts': 'rootProject.name = "x"\ninclude("lib", ":web")\n',
      'build.gradle.kts': 'plugins { id("org.springframework.boot") version "3" apply false }',
      'web/build.gradle.kts': 'plugins { id("org.springframework.boot") }',
      'lib/build.gradle.kts': 'plugins { java }',
    }
    const { dockerfile, processTypes } = planOf(files)
    expect(processTypes.web).to.match(/-jar web\/build\/libs\/\*\.jar$/)
    expect(dockerfile).to.include('GRADLE_TASK:-:web:bootJar}')
    expect(complaintOf({ ...files, 'lib/build.gradle.kts': files['web/build.gradle.kts'] })).to.match(
      /^several projects could be the app: lib, web/,
    )
  })

  it('takes its toolchain, the task that Heroku runs, and Gradle itself where it has no wrapper', () => {
    const toolchain = 'java { toolchain { languageVersion = JavaLanguageVersion.of(21) } }'
    const staged = { 'build.gradle': `task stage {}\n${toolchain}`, Procfile: 'web: java -jar build/libs/x.jar' }
    const { dockerfile, notes, version } = planOf(staged)
    expect(version).to.equal('21')
    expect(dockerfile).to.include('FROM gradle:8-jdk21 AS build').and.include('GRADLE_TASK:-stage}')
    expect(notes.join('\n')).to.include('no gradlew')
    expect(planOf({ ...staged, 'build.gradle': "sourceCompatibility = '1.8'" }).version).to.equal('17')
  })

  it('is refused for a Gradle wrapper of which a part is not in git', () => {
    const app = {
      'build.gradle': "plugins { id 'application' }",
      gradlew: 'exec java -jar "$APP_HOME/gradle/wrapper/gradle-wrapper.jar" "$@"\n',
    }
    const properties = { 'gradle/wrapper/gradle-wrapper.properties': 'distributionUrl=https://x/gradle-8-bin.zip\n' }
    const jar = { 'gradle/wrapper/gradle-wrapper.jar': 'x' }
    expect(complaintOf({ ...app, ...properties })).to.match(
      /^gradlew needs gradle\/wrapper\/gradle-wrapper\.jar, which is not in git/,
    )
    expect(complaintOf(app)).to.match(/wrapper\.jar and \S+wrapper\.properties, which are not in git/)
    expect(complaintOf({ ...app, ...jar })).to.match(/needs \S+wrapper\.properties, which is/)
    expect(planOf({ ...app, ...jar, ...properties }).dockerfile).to.include('sh ./gradlew')
  })

  it('beside a pom is what builds where it alone has a wrapper', () => {
    const pom =
      '<project><build><plugins><plugin><artifactId>maven-shade-plugin</artifactId></plugin></plugins></build></project>'
    const both = { 'pom.xml': pom, 'build.gradle': "plugins { id 'application' }" }
    expect(planOf({ ...both, gradlew: '' }).found).to.equal('Java app (Gradle)')
    const { found, notes } = planOf({ ...both, gradlew: '', mvnw: '' })
    expect(found).to.equal('Java app (Maven)')
    expect(notes).to.deep.equal([
      "pom.xml and a Gradle build: Maven builds it; remove the other's files to choose otherwise",
    ])
  })
})

describe('an sbt build', () => {
  const sbt = { 'build.sbt': 'enablePlugins(JavaAppPackaging)', 'project/build.properties': 'sbt.version=1.10.7\n' }

  it('is run as its packager lays it out', () => {
    const packaged = {
      ...sbt,
      'project/plugins.sbt': 'addSbtPlugin("com.github.sbt" % "sbt-native-packager" % "1.10.4")',
    }
    expect(web(packaged)).to.equal('bash target/universal/stage/bin/* -Dserver.port=$PORT')
    const named = { ...packaged, 'build.sbt': 'lazy val x = 1\nname := "Hello Shop"\n' }
    expect(web(named)).to.equal('bash target/universal/stage/bin/hello-shop -Dserver.port=$PORT')
    const play = 'addSbtPlugin("org.playframework" % "sbt-plugin" % "3.0.5")'
    expect(planOf({ ...sbt, 'project/plugins.sbt': play }).found).to.equal('Java app (Play, sbt)')
    expect(web({ ...sbt, 'project/plugins.sbt': 'addSbtPlugin("com.eed3si9n" % "sbt-assembly" % "2")' })).to.include(
      '-jar',
    )
  })

  it('is refused without a packager, or a version', () => {
    expect(complaintOf(sbt)).to.match(/without a plugin that makes something that runs\n.*sbt-native-packager/)
    expect(complaintOf({ 'build.sbt': '' })).to.match(/project\/build\.properties does not say which sbt/)
  })
})

describe('a jar or war', () => {
  it('is run as it lies', () => {
    const jar = planOf({ 'shop-1.0.jar': '', 'README.md': '' })
    expect(jar.processTypes.web).to.equal("java $JAVA_OPTS -Dserver.port=$PORT -jar 'shop-1.0.jar'")
    expect(jar.dockerfile).to.include('FROM eclipse-temurin:17-jdk AS build').and.not.include('--mount')
    const war = planOf({ 'shop.war': '' })
    expect(war.processTypes.web).to.include('catalina.sh run')
    expect(war.notes[0]).to.include('Tomcat 10.1')
    expect(planOf({ 'a.jar': '', 'b.jar': '', Procfile: 'web: java -jar b.jar' }).processTypes.web).to.equal(
      'java -jar b.jar',
    )
    expect(complaintOf({ 'a.jar': '', 'b.jar': '' })).to.match(/^several archives could be the app: a\.jar, b\.jar/)
  })

  it('is no app beside the files of another stack', () => {
    expect(planOf({ 'x.jar': '', 'package.json': pkg({ scripts: { start: 'node x' } }) }).buildpack).to.equal('nodejs')
    expect(planOf({ 'x.jar': '', 'index.html': '' }).buildpack).to.equal('static')
    expect(complaintOf({ 'x-sources.jar': '' })).to.include('no stack recognised')
  })
})

describe('why a Java build failed', () => {
  for (const [line, reason] of [
    [
      '[ERROR] /app/src/main/java/hello/Main.java:[12,5] cannot find symbol',
      'it does not compile: src/main/java/hello/Main.java:12:5: cannot find symbol',
    ],
    [
      '\u001B[1;31m[ERROR]\u001B[m /app/web/src/main/java/X.java:[1,2] oh',
      'it does not compile: web/src/main/java/X.java:1:2: oh',
    ],
    [
      'e: file:///app/src/main/kotlin/App.kt:3:9 Unresolved reference: x',
      'src/main/kotlin/App.kt:3: Unresolved reference: x',
    ],
    ['/app/src/main/java/X.java:7: error: cannot find symbol', 'src/main/java/X.java:7: cannot find symbol'],
    ['[ERROR] Fatal error compiling: error: release version 21 not supported -> [Help 1]', 'java.runtime.version=21'],
    [
      'java.lang.UnsupportedClassVersionError: x has been compiled by a more recent version of the Java Runtime (class file version 65.0)',
      'Java 21',
    ],
    [
      '[ERROR] Failed to execute goal on project x: Could not find artifact a:b:jar:9 in central (x)',
      'a:b:jar:9 does not exist',
    ],
    ["[ERROR] 'dependencies.dependency.version' for a:b:jar is missing. @ line 8", 'a:b:jar has no version'],
    [
      'Exception in thread "main" java.net.UnknownHostException: gradle.example',
      'Gradle could not be fetched from gradle.example',
    ],
    ['Error: Unable to access jarfile /app/gradle/wrapper/gradle-wrapper.jar', 'git add -f'],
    ['berth: no jar in target has a main class: x.jar', 'no jar in target has a main class: x.jar'],
    [
      '[ERROR] Failed to execute goal a:b:1:run (x) on project y: it broke -> [Help 1]',
      'Failed to execute goal a:b:1:run (x) on project y: it broke',
    ],
  ] as const)
    it(`is told of ${line.slice(-60)}`, () => expect(javaReason(['x', line])).to.include(reason))

  it('is not told of what it does not know', () => expect(javaReason(['all is well'])).to.equal(null))
})
