import { expect } from 'chai'
import { applyChanges } from '../../../src/engine/build/apply-changes.js'

describe('amending a configuration', () => {
  it('carries out settings in their order', () => {
    const changed = applyChanges({ Env: ['A=1'], Cmd: ['x'] }, [
      'ENV B=$A',
      'EXPOSE 80',
      'USER me',
      'CMD ["y"]',
      'label k=v',
    ])
    expect(changed).to.deep.equal({
      Env: ['A=1', 'B=1'],
      Cmd: ['y'],
      ExposedPorts: { '80/tcp': {} },
      User: 'me',
      Labels: { k: 'v' },
    })
  })

  it('changes nothing when told nothing', () => expect(applyChanges({ User: 'me' }, [])).to.deep.equal({ User: 'me' }))

  for (const change of ['RUN ls', 'FROM x', 'STOPSIGNAL 9', 'COPY a b', 'NOSUCH'])
    it(`refuses ${change}`, () => {
      const word = change.split(' ')[0]?.toLowerCase() ?? ''
      expect(() => applyChanges({}, [change])).to.throw(`${word} is not a valid change command`)
    })
})
