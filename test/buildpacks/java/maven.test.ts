import { expect } from 'chai'
import { complaintOf, pkg, planOf, type Files } from '../trees.js'

const pom = (inside = ''): string => `<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <!-- <packaging>war</packaging> -->
  <groupId>a</groupId><artifactId>shop</artifactId><version>1</version>${inside}
</project>`
const plugin = (name: string, more = ''): string =>
  `<build><plugins><plugin><artifactId>${name}</artifactId>${more}</plugin></plugins></build>`
const main = 'package shop;\n\npublic class Web {\n  public static void main(String... args) {}\n}\n'
const app = { 'src/main/java/shop/Web.java': main }
const web = (files: Files): string | null | undefined => planOf(files).processTypes.web
const version = (files: Files): string => planOf({ 'pom.xml': pom(), ...app, ...files }).version

describe('a Maven project', () => {
  it('is built in one step, and laid into two layers: libraries, and what is the app’s own', () => {
    const { dockerfile, ...plan } = planOf({ 'pom.xml': pom(), ...app })
    expect(plan).to.deep.include({ buildpack: 'java', found: 'Java app (Maven)', version: '17', notes: [] })
    const steps = dockerfile.split('\n').filter((line) => /^(?:FROM|COPY|RUN --|USER|build=)/.test(line))
    expect(steps).to.deep.equal([
      'FROM maven:3.9-eclipse-temurin-17 AS build',
      'COPY . .',
      "RUN --mount=type=cache,target=/root/.m2 <<'BUILD'",
      'build="$mvn ${MAVEN_CUSTOM_GOALS:--DskipTests package dependency:copy-dependencies -DincludeScope=runtime}"',
      'FROM eclipse-temurin:17-jre',
      'COPY --from=build --chown=app:app /out/libraries /app',
      'COPY --from=build --chown=app:app /out/app /app',
      'USER app',
    ])
  })

  it('without a plugin that packs it is run from its classes and what it depends on', () => {
    const start = (name: string): string =>
      `java $JAVA_OPTS -Dserver.port=$PORT -cp 'target/classes:target/dependency/*' ${name}`
    expect(web({ 'pom.xml': pom(), ...app })).to.equal(start('shop.Web'))
    expect(web({ 'pom.xml': pom(), 'src/main/kotlin/app.kt': 'package k\n\nfun main() {}\n' })).to.equal(
      start('k.AppKt'),
    )
    const scala = 'package s\n\nobject Tool\nobject Boot extends Base with App {}\n'
    expect(web({ 'pom.xml': pom(), 'src/main/scala/x.scala': scala })).to.equal(start('s.Boot'))
    const named = pom('<properties><exec.mainClass>shop.Other</exec.mainClass></properties>')
    expect(web({ 'pom.xml': named, ...app, 'src/main/java/B.java': main })).to.equal(start('shop.Other'))
    const several = { 'src/main/java/shop/App.java': main.replace('Web', 'App'), ...app }
    expect(web({ 'pom.xml': pom(), ...several })).to.equal(start('shop.App'))
    expect(complaintOf({ 'pom.xml': pom(), ...app, 'src/main/java/Tool.java': main.slice(15) })).to.match(
      /^several classes have a main: Tool, shop\.Web\n.*exec\.mainClass/,
    )
    expect(complaintOf({ 'pom.xml': pom() })).to.match(/nothing in it can be started.*\n.*Procfile/)
  })

  it('is run as its plugin packs it', () => {
    expect(web({ 'pom.xml': pom(plugin('spring-boot-maven-plugin')) })).to.equal(
      'java $JAVA_OPTS -Dserver.port=$PORT -jar target/*.jar',
    )
    const boot = planOf({ 'pom.xml': pom(`<packaging>war</packaging>${plugin('spring-boot-maven-plugin')}`) })
    expect(boot.found).to.equal('Java app (Spring Boot, Maven)')
    expect(boot.processTypes.web).to.match(/-jar target\/\*\.war$/)
    expect(web({ 'pom.xml': pom(plugin('maven-shade-plugin')) })).to.match(/-jar target\/\*\.jar$/)
    expect(web({ 'pom.xml': pom(plugin('quarkus-maven-plugin')) })).to.equal(
      'java $JAVA_OPTS -Dquarkus.http.port=$PORT -jar target/quarkus-app/quarkus-run.jar',
    )
    const uber = 'quarkus.package.jar.type=uber-jar\n'
    expect(
      web({ 'pom.xml': pom(plugin('quarkus-maven-plugin')), 'src/main/resources/application.properties': uber }),
    ).to.match(/-jar target\/\*-runner\.jar$/)
  })

  it('that makes a war gets Tomcat: the one that has the packages it was written for', () => {
    const dependency = (group: string): string =>
      `<dependencies><dependency><groupId>${group}</groupId><artifactId>x</artifactId></dependency></dependencies>`
    const war = (group: string) => planOf({ 'pom.xml': pom(`<packaging>war</packaging>${dependency(group)}`) })
    expect(war('javax.servlet').dockerfile).to.include('org.apache.tomcat:tomcat:9.')
    const { found, dockerfile, processTypes } = war('jakarta.servlet')
    expect(found).to.equal('Java app (a war in Tomcat 10.1, Maven)')
    expect(dockerfile).to.include('org.apache.tomcat:tomcat:10.').and.include('jar xf /app/target/*.war')
    expect(processTypes.web).to.include('port.http=$PORT').and.include('catalina.sh run')
  })

  it('of several modules has one that is the app', () => {
    const top = pom('<packaging>pom</packaging><modules><module>lib</module><module>./web/pom.xml</module></modules>')
    const modules = { 'pom.xml': top, 'lib/pom.xml': pom(), 'web/pom.xml': pom(plugin('spring-boot-maven-plugin')) }
    const { dockerfile, processTypes } = planOf(modules)
    expect(processTypes.web).to.equal('java $JAVA_OPTS -Dserver.port=$PORT -jar web/target/*.jar')
    expect(dockerfile).to.include('-DskipTests package} -pl web -am"')
    const starting = { 'web/pom.xml': pom(), 'web/src/main/java/shop/Web.java': main }
    expect(web({ ...modules, ...starting })).to.include("-cp 'web/target/classes:web/target/dependency/*' shop.Web")
    const both = {
      ...modules,
      'web/src/main/java/shop/Web.java': main,
      'lib/pom.xml': pom('<packaging>war</packaging>'),
    }
    expect(complaintOf(both)).to.match(/^several modules could be the app: lib, web\n.*berth builds:set dir=lib/)
    const declared = planOf({ ...both, Procfile: 'web: java -cp web/target/classes:web/target/dependency/* x' })
    expect(declared.processTypes.web).to.include('web/target/classes')
    expect(declared.dockerfile).not.to.include('-pl ').and.not.to.include('./*-tests.jar classes')
    expect(complaintOf({ ...modules, 'pom.xml': top.replace('lib', '../../etc') })).to.match(
      /^pom\.xml:4:\d+: the module \.\.\/\.\.\/etc is outside of what is pushed/,
    )
  })

  it('is built by its wrapper, with the settings and goals that it has', () => {
    const wrapper = {
      mvnw: '',
      '.mvn/wrapper/maven-wrapper.properties': 'distributionUrl=https://x/apache-maven-3.9.9-bin.zip',
    }
    expect(planOf({ 'pom.xml': pom(), ...app, ...wrapper }).dockerfile).to.include('mvn="sh ./mvnw -B')
    expect(planOf({ 'pom.xml': pom(), ...app, mvnw: '' }).dockerfile).to.include('mvn="mvn -B')
    expect(planOf({ 'pom.xml': pom(), ...app, 'settings.xml': '' }).dockerfile).to.include('-s settings.xml')
    const maven = planOf({ 'pom.xml': pom(), ...app, 'system.properties': 'maven.version=3.8.6\n' }).dockerfile
    expect(maven).to.include('FROM maven:3.8.6-eclipse-temurin-17 AS build')
    expect(complaintOf({ 'pom.xml': pom(), ...app, 'system.properties': 'maven.version=latest' })).to.include(
      'maven.version: "latest" is no version of Maven 3',
    )
  })

  it('gets the Java that is pinned, else the oldest that compiles it', () => {
    for (const [file, text] of [
      ['system.properties', '# ours\njava.runtime.version=21.0.2\n'],
      ['.java-version', 'temurin-21.0.1\n'],
      ['.sdkmanrc', 'java=21.0.2-tem\n'],
      ['.tool-versions', 'nodejs 24\njava openjdk-21\n'],
    ] as const)
      expect(version({ [file]: text }), file).to.equal('21')
    expect(version({ 'system.properties': 'java.runtime.version = 1.8' })).to.equal('8')
    const compiles = (inside: string) => planOf({ 'pom.xml': pom(inside), ...app })
    expect(compiles('<properties><maven.compiler.source>1.8</maven.compiler.source></properties>').version).to.equal(
      '17',
    )
    const newer = compiles('<properties><java.version>19</java.version></properties>')
    expect(newer.version).to.equal('21')
    expect(newer.notes).to.deep.equal(['Java 21, as pom.xml compiles for 19'])
    const set = '<configuration><release>${jdk}</release></configuration>'
    const filled = `<properties><jdk>25</jdk></properties>${plugin('maven-compiler-plugin', set)}`
    expect(compiles(filled).version).to.equal('25')
    expect(complaintOf({ 'pom.xml': pom(), ...app, 'system.properties': 'java.runtime.version=new' })).to.match(
      /^system\.properties: java\.runtime\.version: "new" is no version of Java/,
    )
  })

  it('that cannot be read is refused by file and line', () => {
    expect(complaintOf({ 'pom.xml': pom('<build>\n<plugins></build>') })).to.match(
      /^pom\.xml:5:10: <\/build> where <plugins> is open/,
    )
    expect(complaintOf({ 'pom.xml': '<project>' })).to.match(/^pom\.xml:1:1: <project> is never closed/)
    expect(complaintOf({ 'pom.xml': '<a/>' })).to.match(/^pom\.xml:1:1: it begins with <a>/)
    expect(complaintOf({ 'pom.xml': '' })).to.match(/^pom\.xml:1:1: there is nothing in it/)
    expect(complaintOf({ 'pom.xml': '<a>'.repeat(100) })).to.match(/elements too deep/)
  })

  it('comes before Node.js, and leaves to others what is theirs', () => {
    const both = { 'pom.xml': pom(), ...app, 'package.json': pkg({ scripts: { start: 'node x' } }) }
    expect(planOf(both).buildpack).to.equal('java')
    expect(planOf({ ...both, Procfile: 'web: node x' }).buildpack).to.equal('nodejs')
  })
})
