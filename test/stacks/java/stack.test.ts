import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import { javaStack } from '../../../src/stacks/java/stack.js'

describe('the stack of Java', () => {
  it('makes the images of the JDK, of what runs its programs, and of Maven', () => {
    const versions = [
      'eclipse-temurin:17-jdk',
      'docker.io/library/eclipse-temurin:21-jre-jammy',
      'openjdk:17-slim',
      'openjdk:17-jdk-slim-bullseye',
      'maven:3.9-eclipse-temurin-21',
      'maven:3.8.6-openjdk-17-slim',
    ].map((name) => javaStack.versionOf(name))
    expect(versions).to.deep.equal(['jdk 17', 'jre 21', 'jdk 17', 'jdk 17', 'maven 21 3.9', 'maven 17 3.8.6'])
    for (const name of [
      'eclipse-temurin',
      'eclipse-temurin:17-jre-alpine',
      'my/maven:3.9-eclipse-temurin-17',
      'maven:3',
    ])
      expect(javaStack.versionOf(name), name).to.equal(null)
  })

  it('takes the release of Debian that has the version, and the newest Maven of a line', async () => {
    const { of, ...parts } = await javaStack.parts('', 'maven 21 3.9')
    expect(of).to.match(/^\d{4}-\d\d$/)
    expect(parts).to.deep.equal({ java: '21', debian: 'trixie', maven: '3.9.16' })
    await using maven = await javaStack.source('', { ...parts, of: '2026-11' })
    expect(maven.dockerfile)
      .to.include('sed -i s/bookworm/trixie/g')
      .and.include('org.apache.maven:apache-maven:3.9.16:tar.gz:bin')
      .and.include('LABEL berth.stack.parts="java@21 debian@trixie maven@3.9.16 of@2026-11"')
    await using jre = await javaStack.source('', await javaStack.parts('', 'jre 17'))
    expect(jre.dockerfile).to.include('jlink').and.not.include('trixie')
    expect(jre.dockerfile.split('\nFROM ').at(-1)).not.to.include('openjdk-17')
  })

  it('says which versions there are of one that Debian lacks', async () => {
    for (const [version, hint] of [
      ['jdk 11', 'maven.compiler.release'],
      ['jre 26', 'BERTH_REGISTRY_MIRRORS'],
      [javaStack.versionOf('gradle:8-jdk17') ?? '', 'gradle wrapper'],
    ] as const) {
      const error: unknown = await javaStack.parts('', version).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(BerthError)
      expect((error as BerthError).message).to.match(
        /not to be had: .*(?:Debian has 17, 21, 25|nothing else has Gradle)$/,
      )
      expect((error as BerthError).hint).to.include(hint)
    }
  })
})
