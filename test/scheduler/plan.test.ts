import { expect } from 'chai'
import fc from 'fast-check'
import { oneOffType, type Slot } from '../../src/scheduler/desired.js'
import { planOf, type ObservedContainer } from '../../src/scheduler/plan.js'

const slot = (process: string, spec = 'new'): Slot => ({ process, type: process.split('.')[0] ?? '', spec })
const found = (id: string, process: string, patch: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id,
  process,
  type: process.split('.')[0] ?? '',
  release: 1,
  spec: 'new',
  running: true,
  createdAt: 1,
  address: '10.0.0.2',
  ...patch,
})
const nobody = new Set<string>()
const ids = (all: readonly ObservedContainer[]) => all.map((one) => one.id)

describe('the plan', () => {
  it('starts what is missing', () => {
    const plan = planOf([slot('web.1'), slot('web.2')], [found('a', 'web.1')], nobody)
    expect(ids(plan.keep)).to.deep.equal(['a'])
    expect(plan.missing).to.deep.equal([{ slot: slot('web.2'), dead: null }])
    expect(plan.surplus).to.deep.equal([])
  })

  it('replaces what is of another spec', () => {
    const plan = planOf([slot('web.1')], [found('a', 'web.1', { spec: 'old' })], nobody)
    expect(plan.missing.map((one) => one.slot.process)).to.deep.equal(['web.1'])
    expect(ids(plan.surplus)).to.deep.equal(['a'])
  })

  it('takes away what is above the quantity', () => {
    const plan = planOf([slot('web.1')], [found('a', 'web.1'), found('b', 'web.2')], nobody)
    expect(ids(plan.keep)).to.deep.equal(['a'])
    expect(ids(plan.surplus)).to.deep.equal(['b'])
  })

  it('of two for one slot keeps the one that answers, else the newer', () => {
    const two = [found('old', 'web.1'), found('young', 'web.1', { createdAt: 2 })]
    expect(ids(planOf([slot('web.1')], two, nobody).keep)).to.deep.equal(['young'])
    expect(ids(planOf([slot('web.1')], two, new Set(['old'])).keep)).to.deep.equal(['old'])
    expect(ids(planOf([slot('web.1')], two, new Set(['old', 'young'])).keep)).to.deep.equal(['young'])
  })

  it('keeps the last dead one of a slot, for its log', () => {
    const dead = (id: string, createdAt: number) => found(id, 'web.1', { running: false, createdAt })
    const plan = planOf([slot('web.1')], [dead('a', 1), dead('b', 2)], nobody)
    expect(plan.missing).to.deep.equal([{ slot: slot('web.1'), dead: dead('b', 2) }])
    expect(ids(plan.surplus)).to.deep.equal(['a'])
    const revived = planOf([slot('web.1')], [dead('a', 1), dead('b', 2), found('c', 'web.1')], nobody)
    expect(ids(revived.keep)).to.deep.equal(['c'])
    expect(ids(revived.surplus)).to.deep.equal(['a'])
  })

  it('leaves one-offs alone', () => {
    const plan = planOf([], [found('a', 'run.1234', { type: oneOffType }), found('b', 'web.1')], nobody)
    expect(ids(plan.surplus)).to.deep.equal(['b'])
  })

  it('comes to rest: what it made is what it wants', () => {
    const anyFound = fc.record({
      id: fc.uuid(),
      process: fc.constantFrom('web.1', 'web.2', 'web.3', 'clock.1'),
      spec: fc.constantFrom('new', 'old'),
      running: fc.boolean(),
      createdAt: fc.nat(3),
    })
    const anySlots = fc.uniqueArray(fc.constantFrom('web.1', 'web.2', 'web.3', 'clock.1'))
    fc.assert(
      fc.property(anySlots, fc.uniqueArray(anyFound, { selector: (one) => one.id }), (names, all) => {
        const slots = names.map((name) => slot(name))
        const before = all.map(({ id, process, ...rest }) => found(id, process, rest))
        const plan = planOf(slots, before, nobody)
        const gone = new Set(ids(plan.surplus))
        const made = plan.missing.map(({ slot: one }, i) => found(`made-${i}`, one.process, { createdAt: 9 }))
        const after = [...before.filter((one) => !gone.has(one.id)), ...made]
        const next = planOf(slots, after, nobody)
        expect(next.missing).to.deep.equal([])
        expect(next.surplus).to.deep.equal([])
        expect(next.keep.map((one) => one.process).sort()).to.deep.equal([...names].sort())
      }),
    )
  })
})
