import { BerthError } from '../../errors.js'
import { toolPins } from '../tool-versions.js'
import type { Tree } from '../tree.js'
import type { Project } from './project.js'
import { allows } from './specifier.js'

/** Pythons that have a slim image on Debian. */
export const pythonMinors: readonly number[] = [8, 9, 10, 11, 12, 13, 14]
/** A Python of Debian's. */
interface DebianPython {
  readonly minor: number
  /** Codename of Debian's release. */
  readonly release: string
  readonly patch: number
}

/** What Debian's releases have: these are to be had everywhere. */
export const debianPythons: readonly DebianPython[] = [
  { minor: 9, release: 'bullseye', patch: 2 },
  { minor: 11, release: 'bookworm', patch: 2 },
  { minor: 13, release: 'trixie', patch: 5 },
]
/** What Debian bookworm has, as all other images stand on. */
export const debianPython = { minor: 11, version: '3.11', patch: 2 } as const
/** Where a project allows several: Debian's first, then what most packages have wheels for, then the nearest. */
const preferred: readonly number[] = [debianPython.minor, 13, 12, 14, 9, 10, 8]

/** Name of the image of a version; the same as the official image's. What Debian has is made on the release that has it. */
export function pythonImage(version: string): string {
  const release = debianPythons.find(({ minor }) => `3.${String(minor)}` === version)?.release ?? 'bookworm'
  return `python:${version}-slim-${release}`
}

/** `3.11`: the newest patch of it. */
export interface PythonVersion {
  readonly version: string
  readonly notes: readonly string[]
}

/**
 * The version for an app: what runtime.txt, .python-version, .tool-versions, mise.toml or the Pipfile names, else one that `requires-python` allows.
 * @throws BerthError `invalid` for a version that there is no image of
 */
export function pythonVersion(tree: Tree, project: Project): PythonVersion {
  const { place: constraint, text: range } = project.requires ?? { place: '', text: '' }
  const named = namedIn(tree, project)
  if (named === null) {
    const minor = preferred.find((one) => allows(range, versionOf(one)))
    if (minor === undefined)
      throw new BerthError('invalid', `${constraint} "${range}" allows no Python that there is an image of`, hint)
    return { version: `3.${String(minor)}`, notes: [] }
  }
  const { place, text } = named
  const match = /^(?:python-?)?(3)(?:\.(\d{1,3})(?:\.(\d{1,3}))?)?$/.exec(text)
  const minor = match?.[2] === undefined ? debianPython.minor : Number(match[2])
  if (!match || !pythonMinors.includes(minor))
    throw new BerthError('invalid', `${place} asks for "${text}": there is no image of such a Python`, hint)
  const version = `3.${String(minor)}`
  const notes = []
  if (match[3] !== undefined)
    notes.push(`${place} asks for ${text}: Python ${version} gets the patches of its image, whichever is newest`)
  if (range !== '' && !allows(range, versionOf(minor)))
    notes.push(`${place} asks for ${version}, which ${constraint} "${range}" does not allow`)
  return { version, notes }
}

const hint = `Python ${debianPythons.map(({ minor }) => `3.${String(minor)}`).join(', ')} are to be had everywhere, 3.${String(pythonMinors[0])} to 3.${String(pythonMinors.at(-1))} where a registry is reached; write 3.11 into .python-version, say`

const versionOf = (minor: number): string =>
  `3.${String(minor)}.${String(minor === debianPython.minor ? debianPython.patch : 99)}`

/** The version that the app pins, and where. */
function namedIn(tree: Tree, project: Project): { place: string; text: string } | null {
  for (const place of ['runtime.txt', '.python-version']) {
    const lines = (tree.read(place) ?? '')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter((line) => line !== '')
    if (lines.length > 1)
      throw new BerthError('invalid', `${place} names several versions: ${lines.slice(0, 5).join(', ')}`, hint)
    if (lines[0] !== undefined) return { place, text: lines[0].slice(0, 80) }
  }
  for (const [place, text] of toolPins(tree, 'python')) if (text !== undefined) return { place, text }
  return project.pinned ?? null
}
