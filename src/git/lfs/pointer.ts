import type { LfsObject } from './objects.js'

const pattern =
  /^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d+\n(?:.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n$/

/** The object that a file stands for; null where it stands for itself. */
export function readPointer(text: string): LfsObject | null {
  const [, oid, size] = pattern.exec(text) ?? []
  return oid === undefined ? null : { oid, size: Number(size) }
}
