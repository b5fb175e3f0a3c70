import { debianReleases } from './releases.js'

/** What the name of an official image on Debian asks for. */
export interface ImageTag {
  /** As it is in the tag: `3.11`, `24.1.0`, `lts`; '' for the newest. */
  readonly version: string
  readonly slim: boolean
  /** Codename of Debian's release; undefined where it is left open. */
  readonly release: string | undefined
}

/** The tag of an image of a family, `latest` where it has none; null for another's. */
export function tagIn(family: string, image: string): string | null {
  const match = /^(?:docker\.io\/)?(?:library\/)?([\w.-]+)(?::([\w.-]+))?$/.exec(image)
  return match?.[1] === family ? (match[2] ?? 'latest') : null
}

/** Reads a tag, `3.11-slim-bookworm`; null for one with a word in it that nothing here is made by (`alpine`). */
export function readTag(tag: string): ImageTag | null {
  let version = ''
  let slim = false
  let release: string | undefined
  for (const [index, word] of tag.split('-').entries()) {
    if (word === 'slim') slim = true
    else if (debianReleases.includes(word)) release = word
    else if (index === 0 && /^(?:\d{1,4}(?:\.\d{1,4}){0,2}|lts|current)$/.test(word)) version = word
    else if (index > 0 || word !== 'latest') return null
  }
  return { version, slim, release }
}
