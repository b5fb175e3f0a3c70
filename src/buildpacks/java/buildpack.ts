import type { Buildpack, Plan } from '../buildpack.js'
import { buildSettings } from '../build-settings.js'
import { declaredTypes, saysWhatRuns } from '../procfile.js'
import type { Tree } from '../tree.js'
import { archiveProgram, archivesOf } from './archive.js'
import { dockerfileOf } from './dockerfile.js'
import { javaReason } from './failure.js'
import { gradleBuild, gradleFiles } from './gradle.js'
import { mavenBuild } from './maven-build.js'
import { sbtBuild } from './sbt.js'
import { javaVersion } from './version.js'

const ignored = ['.git', '.gradle', '.idea', '.bsp', 'node_modules', '**/target', '**/build/classes', '**/build/tmp']

/** A Java, Kotlin or Scala app: built by Maven, Gradle or sbt, or pushed as a jar or war. */
export const java: Buildpack = {
  name: 'java',
  takes: 'a Java, Kotlin or Scala app (pom.xml, build.gradle, build.sbt, a .jar or .war)',
  landmark: 'pom.xml',
  plan,
  failure: javaReason,
}

/** Files of other stacks, which a jar beside them does not start. */
const others =
  /^(?:package\.json|requirements\.txt|pyproject\.toml|Pipfile|Gemfile|go\.mod|composer\.json|index\.(?:php|html)|Cargo\.toml|mix\.exs|manage\.py)$/

function plan(tree: Tree, variables: Readonly<Record<string, string>>): Plan | null {
  const names = tree.names()
  const isMaven = tree.hasFile('pom.xml')
  const isGradle = gradleFiles.some((file) => tree.hasFile(file))
  const isSbt = tree.hasFile('build.sbt')
  const archives = isMaven || isGradle || isSbt || names.some((name) => others.test(name)) ? [] : archivesOf(names)
  if (!isMaven && !isGradle && !isSbt && archives.length === 0) return null
  const declared = declaredTypes(tree)
  if (/^(?:node|npm|npx|yarn|pnpm|python3?|gunicorn|bundle|php)\s/.test(declared.web ?? '')) return null
  const declares = saysWhatRuns(declared)
  const asked = directoryOf(variables)
  const byGradle = isGradle && (!isMaven || (tree.hasFile('gradlew') && !tree.hasFile('mvnw')))
  const build = byGradle
    ? gradleBuild(tree, declares)
    : isMaven
      ? mavenBuild(tree, asked, declares)
      : isSbt
        ? sbtBuild(tree, declares)
        : archiveProgram(archives, declares)
  const { version, notes } = javaVersion(tree, build.least)
  const types = declares || build.program === null ? declared : { web: build.program.command, ...declared }
  const { program } = build
  return {
    buildpack: 'java',
    name: 'Java',
    found: `Java app (${[program?.framework, build.tool].filter((one) => one !== undefined && one !== '').join(', ')})`,
    version,
    dockerfile: dockerfileOf({
      image: build.image(version),
      java: version,
      build: build.script,
      cache: build.cache,
      program,
      keepsClasses: /\bclasses\b/.test(Object.values(types).join('\n')),
      command: types.web ?? null,
    }),
    ownDockerfile: false,
    dockerignore: [...(isMaven || isGradle || isSbt ? ignored : ['.git']), tree.read('.dockerignore') ?? ''].join('\n'),
    processTypes: types,
    origin: declares ? 'Procfile' : 'Dockerfile',
    notes: [
      ...notes,
      ...build.notes,
      ...(isMaven && isGradle
        ? [
            `pom.xml and ${byGradle ? 'gradlew' : 'a Gradle build'}: ${byGradle ? 'Gradle' : 'Maven'} builds it; remove the other's files to choose otherwise`,
          ]
        : []),
    ],
  }
}

function directoryOf(variables: Readonly<Record<string, string>>): string {
  const parts = (variables[buildSettings.dir] ?? '').split('/').filter((part) => part !== '' && part !== '.')
  return parts.length === 0 ? '.' : parts.join('/')
}
