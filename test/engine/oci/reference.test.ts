import { expect } from 'chai'
import fc from 'fast-check'
import { EngineError } from '../../../src/engine/errors.js'
import { familiar, familiarName, parseReference } from '../../../src/engine/oci/reference.js'

describe('an image reference', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const table: readonly (readonly [text: string, domain: string, path: string, shown: string])[] = [
    ['debian', 'docker.io', 'library/debian', 'debian:latest'],
    ['debian:12', 'docker.io', 'library/debian', 'debian:12'],
    ['docker.io/debian', 'docker.io', 'library/debian', 'debian:latest'],
    ['index.docker.io/library/debian:1', 'docker.io', 'library/debian', 'debian:1'],
    ['me/app:v1.0_x', 'docker.io', 'me/app', 'me/app:v1.0_x'],
    ['localhost/app', 'localhost', 'app', 'localhost/app:latest'],
    ['localhost:5000/a/b:c', 'localhost:5000', 'a/b', 'localhost:5000/a/b:c'],
    ['registry.example.com/app', 'registry.example.com', 'app', 'registry.example.com/app:latest'],
    ['[::1]:5000/app', '[::1]:5000', 'app', '[::1]:5000/app:latest'],
    [`debian@${digest}`, 'docker.io', 'library/debian', `debian@${digest}`],
    [`debian:12@${digest}`, 'docker.io', 'library/debian', `debian:12@${digest}`],
  ]
  for (const [text, domain, path, shown] of table)
    it(`reads ${text}`, () => {
      const reference = parseReference(text)
      expect(reference).to.include({ domain, path })
      expect(familiar(reference)).to.equal(shown)
    })

  for (const text of [
    '',
    ':latest',
    'a:',
    'Debian',
    'a//b',
    '/a',
    'a/',
    'a..b',
    '../etc/passwd',
    'a/../../b',
    'a b',
    'a:b:c',
    'a@sha256:zz',
    'a@b@c',
    `a:${'t'.repeat(129)}`,
    'a'.repeat(256),
    'f'.repeat(64),
    'a\n',
    '-a',
    'a-.b',
    'x'.repeat(100_000),
  ])
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => expect(() => parseReference(text)).to.throw(EngineError))

  it('names the repository apart from the tag', () =>
    expect(familiarName(parseReference('debian:12'))).to.equal('debian'))

  it('reads back what it shows, and fails with an EngineError only', () => {
    const part = fc.constantFrom('a', 'B', '0', '.', '-', '_', '/', ':', '@', 'sha256', digest, 'localhost')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        try {
          const shown = familiar(parseReference(parts.join('')))
          expect(familiar(parseReference(shown))).to.equal(shown)
        } catch (error) {
          expect(error).to.be.instanceOf(EngineError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
