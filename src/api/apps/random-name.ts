import { randomInt } from 'node:crypto'

const first = [
  'calm',
  'bright',
  'swift',
  'quiet',
  'amber',
  'brave',
  'clear',
  'deep',
  'early',
  'fresh',
  'gentle',
  'still',
]
const second = ['harbor', 'anchor', 'mast', 'keel', 'tide', 'quay', 'pier', 'sail', 'buoy', 'reef', 'cove', 'crane']

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? ''

/** A name for an app nobody named: `calm-harbor-4821`. */
export const randomName = (): string => `${pick(first)}-${pick(second)}-${randomInt(1000, 10_000)}`
