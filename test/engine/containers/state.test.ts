import { expect } from 'chai'
import { advance, isUp, newState, type ContainerStatus } from '../../../src/engine/containers/state.js'

const stateAfter = (...moves: readonly ContainerStatus[]) => {
  const state = newState()
  for (const status of moves) advance(state, status)
  return state
}

describe('a container’s state', () => {
  it('goes the way of a container that is run, paused, restarted by its policy and removed', () => {
    const state = stateAfter('running', 'paused', 'running', 'restarting', 'running', 'exited')
    expect(isUp(state)).to.equal(false)
    advance(state, 'removing')
    expect(state.status).to.equal('removing')
  })

  it('changes with what else is so from then on', () => {
    const state = stateAfter('running')
    advance(state, 'exited', { exitCode: 3, pid: 0 })
    expect(state).to.include({ status: 'exited', exitCode: 3 })
  })

  for (const [from, to] of [
    [['running'], 'removing'],
    [['running'], 'running'],
    [[], 'exited'],
    [[], 'paused'],
    [['running', 'exited'], 'paused'],
    [['removing'], 'running'],
  ] as const)
    it(`refuses by name to have one that is ${from.at(-1) ?? 'created'} become ${to}`, () => {
      const state = stateAfter(...from)
      expect(() => advance(state, to, { exitCode: 9 })).to.throw(
        `a container that is ${from.at(-1) ?? 'created'} cannot become ${to}`,
      )
      expect(state).to.include({ status: from.at(-1) ?? 'created', exitCode: 0 })
    })
})
