import { expect } from 'chai'
import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { parseDockerfile } from '../../src/engine/build/dockerfile.js'
import { expandWord, ExpandError } from '../../src/engine/build/expand.js'
import { EngineError } from '../../src/engine/errors.js'
import { readPattern } from '../../src/engine/images/glob.js'
import { ignoring } from '../../src/engine/images/ignore-patterns.js'
import { familiar, parseReference } from '../../src/engine/oci/reference.js'
import { encodeHeader, endOfArchive, padding, type TarHeader } from '../../src/engine/oci/tar-header.js'
import { type TarEntry, TarReader } from '../../src/engine/oci/tar-reader.js'

/** What any input here may take of the processor at most, ms: a hundred times what it does. */
const bound = 2_000

/** It fails as it may or not at all, and soon. */
function survives(parse: () => unknown): void {
  const before = process.threadCpuUsage() // not the clock: others may have the processor meanwhile
  try {
    parse()
  } catch (error) {
    if (!(error instanceof EngineError) && !(error instanceof ExpandError)) throw error
  }
  const { user, system } = process.threadCpuUsage(before)
  expect((user + system) / 1000).to.be.lessThan(bound)
}

/** What is read of an archive, however it fails. */
function read(bytes: Buffer, cuts: readonly number[] = []): { entries: [TarEntry, string][]; failure: string } {
  const entries: [TarEntry, string][] = []
  const reader = new TarReader((entry) => {
    const parts: Buffer[] = []
    const close = () => entries.push([entry, Buffer.concat(parts).toString('hex')])
    return { write: (chunk) => void parts.push(Buffer.from(chunk)), close }
  })
  try {
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      reader.push(bytes.subarray(from, to))
      from = to
    }
    reader.end()
    return { entries, failure: '' }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return { entries, failure: error.message }
  }
}

const name = fc.stringMatching(/^[a-zé0-9._-]{1,60}(\/[a-zé0-9._ -]{1,60}){0,4}$/)
const type = fc.constantFrom('file', 'directory', 'symlink', 'link', 'character', 'block', 'fifo')
const header: fc.Arbitrary<{ header: TarHeader; body: Buffer }> = fc
  .record({
    name,
    type,
    mode: fc.nat(0o7777),
    uid: fc.nat(2 ** 31 - 1),
    gid: fc.nat(2 ** 31 - 1),
    mtime: fc.integer({ min: -(2 ** 31), max: 2 ** 34 }),
    linkname: name,
    major: fc.nat(0o7777777),
    minor: fc.nat(0o7777777),
    xattrs: fc.array(fc.tuple(fc.stringMatching(/^user\.[a-z]{1,20}$/), fc.uint8Array({ maxLength: 80 })), {
      maxLength: 3,
    }),
    body: fc.uint8Array({ maxLength: 1200 }),
  })
  .map(({ body, ...one }) => {
    const content = Buffer.from(one.type === 'file' ? body : [])
    const xattrs = new Map(one.xattrs.map(([key, value]) => [key, Buffer.from(value)]))
    return {
      header: {
        ...one,
        name: Buffer.from(one.name),
        linkname: Buffer.from(one.linkname),
        size: content.length,
        xattrs: [...xattrs],
      },
      body: content,
    }
  })
const pack = (all: readonly { header: TarHeader; body: Buffer }[]): Buffer =>
  Buffer.concat([
    ...all.flatMap(({ header: one, body }) => [encodeHeader(one), body, padding(body.length)]),
    endOfArchive,
  ])

describe('whatever an archive holds', () => {
  it('headers that are written are read back', () =>
    fc.assert(
      fc.property(fc.array(header, { maxLength: 4 }), (all) => {
        const { entries, failure } = read(pack(all))
        expect(failure).to.equal('')
        const shown = (entry: TarEntry | TarHeader, body: string) => {
          const { linkname = '', xattrs = [] } = entry
          const values = xattrs.map(([key, value]) => `${key}=${value.toString('hex')}`)
          const numbers = [entry.mode, entry.uid, entry.gid, entry.size, entry.mtime, entry.major, entry.minor]
          return [entry.name.toString(), entry.type, linkname.toString(), values, numbers, body]
        }
        const files = all.filter((one) => one.header.type === 'file')
        expect(
          entries.filter(([entry]) => entry.type === 'file').map(([entry, body]) => shown(entry, body)),
        ).to.deep.equal(files.map((one) => shown(one.header, one.body.toString('hex'))))
        expect(entries.map(([entry]) => shown(entry, ''))).to.deep.equal(all.map((one) => shown(one.header, '')))
      }),
      { numRuns: 200 },
    ))

  const broken = fc
    .tuple(
      fc.array(header, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
    )
    .map(([all, changes]) => {
      const bytes = pack(all)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes
    })
  it('it is read the same wherever it is cut into chunks, and fails in no other way', () =>
    fc.assert(
      fc.property(broken, fc.array(fc.nat(), { maxLength: 8 }), (bytes, where) => {
        const cuts = where.map((at) => at % bytes.length).sort((a, b) => a - b)
        expect(read(bytes, cuts)).to.deep.equal(read(bytes))
      }),
      { numRuns: 200 },
    ))
})

describe('whatever a .dockerignore says', () => {
  /** Docker's rules (moby/patternmatcher), the plain way: an expression a pattern, tried on the path and all above it. */
  const model = (lines: readonly string[], path: string): boolean => {
    let ignored = false
    for (const line of lines) {
      if (line.startsWith('#') || line.trim() === '') continue
      const excepts = line.trim().startsWith('!')
      const text = posix.join('/', excepts ? line.trim().slice(1).trim() : line.trim()).replace(/(?!^)\/$/, '')
      const source = text
        .slice(text === '/' ? 0 : 1)
        .replace(/[.$+^|(){}]/g, '\\$&')
        .replace(/\*\*\/?$/, '\x01')
        .replace(/\*\*\/?/g, '\x02')
        .replace(/\*/g, '[^/]*')
        .replace(/\?/g, '[^/]')
        .replaceAll('\x01', '.*')
        .replaceAll('\x02', '(.*/)?')
      const parts = path.split('/')
      const found = parts.some((_, index) => new RegExp(`^${source}$`, 's').test(parts.slice(0, index + 1).join('/')))
      if (found) ignored = !excepts
    }
    return ignored
  }
  const piece = fc.constantFrom('a', 'b', 'ab', '*', '?', '**', '.a', 'a.b', '*a', 'a*', '/', '/', '/', '+')
  const line = fc
    .tuple(fc.constantFrom('', '', '!', '! ', '/', ' '), fc.array(piece, { minLength: 1, maxLength: 5 }))
    .map(([mark, pieces]) => mark + pieces.join(''))
    .filter((text) => !text.includes('***'))
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', '.a', 'a.b', 'aab'), { minLength: 1, maxLength: 4 })

  it('it leaves out what docker leaves out', () =>
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), path, (lines, names) => {
        const given = names.join('/')
        expect(ignoring(lines)(given), JSON.stringify(lines)).to.equal(model(lines, given))
      }),
      { numRuns: 3000 },
    ))

  it('a name is matched in bounded time', () => {
    const long = 'a'.repeat(255)
    survives(() => ignoring([`${'*a'.repeat(100)}b`])(`${long}/${long}`))
    survives(() => ignoring([`${'**/'.repeat(100)}b`])(`${'a/'.repeat(100)}c`))
    survives(() => readPattern(`${'*a'.repeat(120)}b`)(long))
    survives(() => expandWord(`\${a%${'*a'.repeat(50)}b}`, new Map([['a', 'a'.repeat(20_000)]])))
  })
})

it('a word does not grow without bounds', () => {
  let value = 'x'.repeat(16)
  const grow = () => {
    for (let n = 0; n < 40; n++) value = expandWord('$a$a$a$a', new Map([['a', value]]))
  }
  expect(grow).to.throw(ExpandError, 'larger than 1 MiB')
  const all = () => expandWord('${a//x/$b}', new Map([['a', 'x'.repeat(5_000)], ['b', 'y'.repeat(5_000)]])) // prettier-ignore
  expect(all).to.throw(ExpandError, 'larger than 1 MiB')
})

describe('hostile input that people thought of', () => {
  const parsers: Readonly<Record<string, (text: string) => unknown>> = {
    dockerfile: (text) => parseDockerfile('Dockerfile', text),
    dockerignore: (text) => {
      const ignores = ignoring(text.split(/\r?\n/))
      return ['a', 'a/b', 'x'.repeat(255), `${'a/'.repeat(60)}b`].map(ignores)
    },
    reference: (text) => {
      const shown = familiar(parseReference(text))
      expect(familiar(parseReference(shown))).to.equal(shown)
      expect(shown).to.not.match(/\.\.|[\0\n]/)
    },
  }
  for (const [kind, parse] of Object.entries(parsers)) {
    const corpus = new URL(`fixtures/hostile/${kind}/`, import.meta.url)
    for (const file of readdirSync(corpus))
      it(`${kind}: ${file.replaceAll('-', ' ')}`, () =>
        survives(() => parse(readFileSync(new URL(file, corpus), 'utf8'))))
  }
  it('dockerfile: blanks, backslashes or quotes without end', () => {
    for (const fill of [' ', '\\', '"', "'", '\\ ', '<<a ', '$', '${a:-', '[', '\t#\n', '\\\n'])
      for (const head of ['FROM a\nRUN ', 'FROM a\nENV a=', '# escape=', 'FROM a\nCOPY ', ''])
        survives(() => parseDockerfile('Dockerfile', head + fill.repeat(150_000 / fill.length) + 'x'))
  })
})
