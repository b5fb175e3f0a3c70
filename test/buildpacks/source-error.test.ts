import { expect } from 'chai'
import { position, SourceError } from '../../src/buildpacks/source-error.js'

describe("a mistake in a user's file", () => {
  it('is told with its place, and has it for programs', () => {
    const error = new SourceError({ file: 'Procfile', line: 3, column: 7 }, 'no command', 'write one')
    expect(error.message).to.equal('Procfile:3:7: no command')
    expect([error.fault, error.hint, error.file, error.line, error.column]).to.deep.equal([
      ...['invalid', 'write one', 'Procfile'],
      ...[3, 7],
    ])
  })

  it('lies at a line and a column, both from 1', () => {
    const text = 'ab\n\ncd'
    const places = [0, 2, 3, 4, 5, 6].map((offset) => Object.values(position(text, offset)).join(':'))
    expect(places).to.deep.equal(['1:1', '1:3', '2:1', '3:1', '3:2', '3:3'])
  })
})
