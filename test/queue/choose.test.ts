import { expect } from 'chai'
import type { Change } from '../../src/changes/index.js'
import { chooseNext } from '../../src/queue/choose.js'
import type { Operation, OperationStatus } from '../../src/store/operations.js'

const push: Change = { kind: 'push', commit: 'c', branch: 'main' }
const config: Change = { kind: 'config', set: {}, unset: [] }

const operation = (id: string, change: Change, status: OperationStatus = 'queued'): Operation => ({
  id,
  app: 'a',
  change,
  status,
  createdAt: '',
  finishedAt: null,
  release: null,
  failure: null,
})

const chosen = (pending: Operation[], running: string | null = null): [string | undefined, string[]] => {
  const { next, superseded } = chooseNext(pending, running)
  return [next?.id, superseded.map(({ id }) => id)]
}

describe('the next deploy of an app', () => {
  it('is none when none waits', () => expect(chosen([])).to.deep.equal([undefined, []]))
  it('is the oldest', () => expect(chosen([operation('1', config), operation('2', config)])).to.deep.equal(['1', []]))
  it('is the newest of pushes in a row', () =>
    expect(chosen([operation('1', push), operation('2', push), operation('3', push)])).to.deep.equal(['3', ['1', '2']]))
  it('is a push that only some clients get the next of, as a canary', () => {
    const canary: Change = { kind: 'push', commit: 'c', branch: 'main', canary: 10 }
    expect(chosen([operation('1', push), operation('2', canary)])).to.deep.equal(['1', []])
    expect(chosen([operation('1', canary), operation('2', push)])).to.deep.equal(['2', ['1']])
  })
  it('is a push that another change follows', () =>
    expect(
      chosen([operation('1', push), operation('2', push), operation('3', config), operation('4', push)]),
    ).to.deep.equal(['2', ['1']]))
  it('is what a dead worker had begun, whatever came after', () =>
    expect(chosen([operation('1', push, 'building'), operation('2', push)])).to.deep.equal(['1', []]))
  it('leaves alone what runs', () =>
    expect(chosen([operation('1', push, 'queued'), operation('2', push), operation('3', push)], '1')).to.deep.equal([
      '3',
      ['2'],
    ]))
})
