import { randomBytes, randomInt } from 'node:crypto'
import { EngineError } from '../errors.js'

const moods = (
  'able agile amber brave brisk calm clear crisp eager fair fleet frank gentle glad keen kind lively lucid merry mild ' +
  'neat nimble noble plucky proud quick quiet ready robust sharp snug spry steady stout sturdy sunny swift trim trusty vivid'
).split(' ')
const ships = (
  'barge bark bosun brig buoy capstan clipper cog coxswain crane cutter davit derrick dhow dinghy dory ferry frigate galley ' +
  'harbour jetty junk keel ketch lugger mole packet pilot pinnace quay raft schooner skiff sloop stevedore tender trawler tug ' +
  'wharf yawl'
).split(' ')

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? ''

/** A name nobody has, for a container that came without one. */
export function inventName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(moods)}_${pick(ships)}${attempt > 5 ? String(randomInt(1000)) : ''}`
    if (!taken(name)) return name
  }
}

/** Strips the leading slash that Docker's clients may send. @throws EngineError `invalid` */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, '')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare))
    throw new EngineError('invalid', `Invalid container name (${bare}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  return bare
}

/** 64 hex digits. The first twelve are never all decimal: they serve as a hostname. */
export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex')
    if (!/^\d{12}/.test(id)) return id
  }
}
