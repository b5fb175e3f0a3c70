import { expect } from 'chai'
import { summaryOf } from '../../src/queue/summary.js'
import { defaultEntry, firstRelease } from '../../src/store/releases.js'

describe('a release that is rolled out', () => {
  it('says what runs, and how to run what does not', () => {
    const say = (types: string[], formation: Record<string, number>) =>
      summaryOf(
        {
          ...firstRelease('a'),
          processTypes: Object.fromEntries(types.map((type) => [type, 'x'])),
          formation: Object.fromEntries(
            Object.entries(formation).map(([type, quantity]) => [type, { ...defaultEntry(type), quantity }]),
          ),
        },
        'http://a',
      )
    expect(say(['web'], { web: 1 })).to.deep.equal(['http://a deployed to Berth'])
    expect(say(['web', 'worker'], { web: 1, worker: 0 })).to.deep.equal([
      'Runs web=1',
      'worker at 0: scale it with `berth ps:scale worker=1`',
      'http://a deployed to Berth',
    ])
    expect(say(['worker'], { worker: 0 })).to.deep.equal([
      'Nothing runs: scale it with `berth ps:scale worker=1`',
      'No web process: nothing answers at http://a',
    ])
    expect(say(['worker', 'release'], { worker: 2 })).to.deep.equal([
      'Runs worker=2',
      'No web process: nothing answers at http://a',
    ])
    expect(say(['web'], { web: 0 })).to.deep.equal(['Nothing runs: scale it with `berth ps:scale web=1`'])
  })
})
