import { expect } from 'chai'
import { pieces } from '../../src/buildpacks/pieces.js'

describe('the pieces of a Dockerfile', () => {
  it('are its lines', () => {
    expect(pieces('FROM a\nUSER b')).to.deep.equal(['FROM a', 'USER b'])
  })

  it('have the lines that an instruction goes on in, and its heredocs, whatever these hold', () => {
    const run = 'RUN a \\\n  && b'
    const copy = "COPY <<'ONE' <<'TWO' /x/\nUSER a\nRUN b \\\nONE\nRUN c\nTWO"
    expect(pieces(`${run}\n${copy}\nUSER d`)).to.deep.equal([run, copy, 'USER d'])
  })

  it('take no heredoc from what has none', () => {
    expect(pieces("LABEL a=<<'EOF'\nUSER b")).to.deep.equal(["LABEL a=<<'EOF'", 'USER b'])
  })
})
