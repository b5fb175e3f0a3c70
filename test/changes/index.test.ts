import { expect } from 'chai'
import { changeOf, describeChange, endsApp, isBuild, kindNames, nextRelease } from '../../src/changes/index.js'
import type { Operation, StoredChange } from '../../src/store/operations.js'
import { deployed } from './made.js'

const operation = (change: StoredChange): Operation => ({
  id: '1',
  app: 'a',
  change,
  status: 'queued',
  createdAt: '',
  finishedAt: null,
  release: null,
  failure: null,
})

/** As the last release before src/changes has stored them, one of each form. */
const stored: readonly (readonly [StoredChange, string])[] = [
  [{ kind: 'push', commit: 'abcdefabcdef', branch: 'main' }, 'Deploy abcdefa'],
  [{ kind: 'push', commit: 'abcdefabcdef', branch: 'main', unless: ['0mx1'] }, 'Deploy abcdefa'],
  [{ kind: 'push', commit: 'abcdefabcdef', branch: 'main', rebuild: true }, 'Rebuild abcdefa'],
  [{ kind: 'config', set: { A: '', B: '' }, unset: [] }, 'Set A, B config vars'],
  [{ kind: 'config', set: {}, unset: ['C'] }, 'Unset C config vars'],
  [{ kind: 'scale', formation: { web: { quantity: 2 }, worker: { memory: 2 ** 29, cpus: 0.5 } } }, 'Scale web, worker'],
  [
    { kind: 'checks', types: ['web'], phase: 'startup', set: { path: '/up' }, unset: ['status'] },
    'Change the startup checks of web: path, status',
  ],
  [
    { kind: 'checks', types: [], phase: 'startup', set: {}, unset: [], mode: 'skip' },
    'Skip the checks of all process types',
  ],
  [{ kind: 'rollback', version: 3 }, 'Rollback to v3'],
  [
    { kind: 'canary', version: 3, percent: 10, header: { name: 'x-beta', value: '1' } },
    'Canary v3: 10 % and x-beta: 1',
  ],
  [{ kind: 'canary-off' }, 'End the canary'],
  [{ kind: 'promote', version: 3 }, 'Promote v3'],
  [{ kind: 'push', commit: 'abcdefabcdef', branch: 'main', canary: 10 }, 'Deploy abcdefa to 10 %'],
  [{ kind: 'restart', process: null }, 'Restart all processes'],
  [{ kind: 'rename' }, 'Rename'],
  [{ kind: 'destroy' }, 'Destroy'],
  [{ kind: 'mount', name: 'data', target: '/app/data' }, 'Mount data at /app/data'],
  [
    { kind: 'mount', name: 'db', target: '/db', types: ['web'], readOnly: true, exclusive: true, size: 2 ** 30 },
    'Mount db at /db',
  ],
  [{ kind: 'unmount', name: 'data' }, 'Unmount data'],
  [{ kind: 'unmount', name: 'data', target: '/db' }, 'Unmount data from /db'],
  [{ kind: 'destroy-volume', name: 'data' }, 'Destroy the volume data'],
  [{ kind: 'link', service: 's1', name: 'blog-db', prefix: 'DATABASE' }, 'Link blog-db'],
  [{ kind: 'link', service: 's1', name: 'blog-db', prefix: 'DATABASE', variable: 'MAIN_URL' }, 'Link blog-db'],
  [{ kind: 'rotate', service: 's1', name: 'blog-db' }, 'Rotate the password of blog-db'],
  [{ kind: 'unlink', service: 's1', name: 'blog-db' }, 'Unlink blog-db'],
]

describe('changes', () => {
  it('are read as the Berth before stored them, each kind of them', () => {
    for (const [change, sentence] of stored) {
      expect(changeOf(operation(change))).to.deep.equal(change)
      expect(describeChange(change)).to.equal(sentence)
    }
    expect(new Set(stored.map(([{ kind }]) => kind))).to.have.all.keys(kindNames)
  })

  it('of a kind that only a newer Berth knows are refused, by name', () => {
    for (const kind of ['lock', 'constructor', '__proto__'])
      expect(() => changeOf(operation({ kind }))).to.throw(`this Berth knows no change of kind "${kind}"`)
  })

  it('that are damaged are refused, and not half done', () => {
    expect(() => changeOf(operation({ kind: 'push', commit: 7, branch: 'main' }))).to.throw('change 1 is damaged')
    expect(() => changeOf(operation({ kind: 'scale', formation: { web: { quantity: 'two' } } }))).to.throw('is damaged')
  })

  it('build, or end their app, or neither', () => {
    const kindsThat = (are: (operation: Operation) => boolean) =>
      kindNames.filter((kind) => are(operation({ ...stored.find(([change]) => change.kind === kind)?.[0], kind })))
    expect(kindsThat(isBuild)).to.deep.equal(['push'])
    expect(kindsThat(endsApp)).to.deep.equal(['destroy'])
    expect(endsApp(operation({ kind: 'lock' })), 'of a newer Berth').to.equal(false)
  })

  it('that act make no release', () =>
    expect(() => nextRelease(deployed, 3, { kind: 'rename' })).to.throw('makes no release'))
})
