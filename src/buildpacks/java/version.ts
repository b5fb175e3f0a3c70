import { BerthError } from '../../errors.js'
import { toolPins, type Pin } from '../tool-versions.js'
import type { Tree } from '../tree.js'

/** The Java of an app that names none. */
const defaultJava = '17'
/** Versions of Java that a release of Debian has, by the release. */
export const debianJava: Readonly<Record<string, string>> = { 17: 'bookworm', 21: 'trixie', 25: 'trixie' }
const defaultMaven = '3.9'
/** What stands for a line of Maven where no registry has its image. */
const mavenReleases: Readonly<Record<string, string>> = {
  '3': '3.9.16',
  '3.9': '3.9.16',
  '3.8': '3.8.8',
  '3.6': '3.6.3',
}

/** The release of Maven that a name of an image means. */
export const mavenOf = (version: string): string => mavenReleases[version] ?? version

/** Which Java, and why. */
export interface JavaVersion {
  readonly version: string
  readonly notes: readonly string[]
}

/** `17` of `17.0.9`, `1.8`, `zulu-17.0.1`, `temurin-21`, `21.0.2-tem`, `17+35`; null for what is none. */
export function majorOf(text: string): number | null {
  const match = /^(?:[a-z][a-z_]*(?:-[a-z]+)?-)?(?:1\.)?([1-9]\d?)(?![\d])(?:[.+_-].*)?$/i.exec(text.trim())
  return match === null ? null : Number(match[1])
}

/** Values of a file of Java properties. */
export function properties(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).map((line) => /^\s*([^#!\s][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line))
  return Object.fromEntries(lines.flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']])))
}

/**
 * The Java for an app: what a file pins, else the oldest supported that compiles what the build asks for.
 * @param least what the build compiles for, and the file that says so
 * @throws BerthError `invalid` for what is no version of Java
 */
export function javaVersion(tree: Tree, least: { readonly text: string; readonly place: string } | null): JavaVersion {
  for (const [place, text] of pins(tree)) {
    const major = majorOf(text)
    if (major === null)
      throw new BerthError(
        'invalid',
        `${place}: "${text.slice(0, 40)}" is no version of Java`,
        'write one such as 17, 21 or 25',
      )
    return { version: String(major), notes: [] }
  }
  const wanted = least === null ? null : majorOf(least.text)
  if (wanted === null || wanted <= Number(defaultJava)) return { version: defaultJava, notes: [] }
  const known = Object.keys(debianJava).find((version) => Number(version) >= wanted)
  const version = known ?? String(wanted)
  return { version, notes: [`Java ${version}, as ${least?.place ?? ''} compiles for ${String(wanted)}`] }
}

function pins(tree: Tree): [string, string][] {
  const all: Pin[] = [
    [
      'system.properties: java.runtime.version',
      properties(tree.read('system.properties') ?? '')['java.runtime.version'],
    ],
    ['.java-version', tree.read('.java-version')?.trim()],
    ['.sdkmanrc', properties(tree.read('.sdkmanrc') ?? '').java],
    ...toolPins(tree, 'java'),
  ]
  return all.flatMap(([place, text]): [string, string][] => (text === undefined || text === '' ? [] : [[place, text]]))
}

/** The Maven of an app without a wrapper. @throws BerthError `invalid` for what is no version of Maven */
export function mavenVersion(tree: Tree): string {
  const text = properties(tree.read('system.properties') ?? '')['maven.version'] ?? defaultMaven
  if (/^3(?:\.\d{1,2}){0,2}$/.test(text)) return text
  throw new BerthError(
    'invalid',
    `system.properties: maven.version: "${text.slice(0, 40)}" is no version of Maven 3`,
    `write one such as ${defaultMaven}.16, or leave it out`,
  )
}

/** Image that builds: the JDK, and Maven. */
export const mavenImage = (version: string, java: string): string => `maven:${version}-eclipse-temurin-${java}`
/** Image that has the JDK, or what runs what it compiled. */
export const javaImage = (java: string, kind: 'jdk' | 'jre'): string => `eclipse-temurin:${java}-${kind}`
