import { expect } from 'chai'
import { PendingDetaches } from '../../../src/engine/networks/pending-detaches.js'

describe('cables that are being taken away', () => {
  /** A cable that goes, or stays, when told to. */
  const cable = () => {
    let [go, stay]: [() => void, (error: Error) => void] = [() => undefined, () => undefined]
    const leaving = new Promise<void>((resolve, reject) => ([go, stay] = [resolve, reject]))
    return { leaving, go: () => go(), stay: (words: string) => stay(new Error(words)) }
  }

  it('keep their addresses until they are gone, and who asks for those waits no longer', async () => {
    const departures = new PendingDetaches(() => undefined)
    const [one, other] = [cable(), cable()]
    const freed: string[] = []
    departures.add('n1', one.leaving, () => freed.push('one'))
    departures.add('n2', other.leaving, () => freed.push('other'))
    const over = departures.over('n1').then((any) => [any, [...freed]])
    expect(freed).to.deep.equal([])
    one.go()
    expect(await over).to.deep.equal([true, ['one']])
    expect(await departures.over('n1')).to.equal(false)
    other.go()
    expect(await departures.over()).to.equal(true)
    expect(freed).to.deep.equal(['one', 'other'])
    expect(await departures.over()).to.equal(false)
  })

  it('that cannot be taken away are reported, and keep their addresses', async () => {
    const lines: string[] = []
    const departures = new PendingDetaches((line) => lines.push(line))
    const one = cable()
    const freed: string[] = []
    departures.add('n1', one.leaving, () => freed.push('one'))
    one.stay('no such luck')
    expect(await departures.over('n1')).to.equal(true)
    expect(freed).to.deep.equal([])
    expect(lines).to.deep.equal(["a container's interface stays: no such luck"])
  })
})
