import { expect } from 'chai'
import { canary, canaryAfter, canaryOff, checkCanary, promote, shareOf } from '../../src/changes/canary.js'
import { changeOf, checkBesideCanary, nextRelease } from '../../src/changes/index.js'
import { messageOf } from '../../src/errors.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease, type Release } from '../../src/store/releases.js'
import { acting, deployed, making, push } from './made.js'

const app: App = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 2 }
const its = {
  ...nextRelease(deployed, 3, { ...push, commit: 'abcdef1' }, { image: 'j', processTypes: { web: 'x' } }),
  status: 'succeeded',
} as const
const change = { kind: 'canary', version: 3, percent: 10 } as const
const running: App = { ...app, canary: { release: 3, since: 'then', percent: 10 } }

const reasonOf = (done: Promise<unknown> | undefined): Promise<string> =>
  Promise.resolve(done).then(
    () => '',
    (error: unknown) => messageOf(error),
  )

describe('a canary as a change', () => {
  it('has the scheduler begin it, and is the same one when only its share changes', async () => {
    const { at, did } = acting()
    await canary.act(change, { ...at, app: running, release: () => Promise.resolve(its) })
    expect(did).to.deep.equal(['canary v3 {"release":3,"since":"then","percent":10}'])
    const header = { name: 'x-beta', value: '1' }
    expect(canaryAfter(running, { ...change, percent: 0, header, processes: 2 })).to.deep.equal({
      release: 3,
      since: 'then',
      percent: 0,
      header,
      processes: 2,
    })
    expect(canaryAfter(running, { ...change, version: 4 }).since).not.to.equal('then')
    expect(shareOf({ percent: 10, header })).to.equal('10 % and x-beta: 1')
  })

  it('whose image is gone is not begun', async () => {
    const { at, did } = acting()
    const gone = { ...at, app, release: () => Promise.resolve(its), hasImage: () => Promise.resolve(false) }
    expect(await reasonOf(canary.act(change, gone))).to.match(/image of v3 is not there/)
    expect(did).to.deep.equal([])
  })

  const none = firstRelease('a')
  const size = { memory: 1, cpus: 1 }
  for (const [what, current, release, given, said] of [
    ['of the current release', deployed, deployed, {}, /v2 is what blog runs/],
    ['of a release before the first push', deployed, none, {}, /v1 has no image/],
    ['of one that failed', deployed, { ...its, status: 'failed' }, {}, /never ran well/],
    ['of one without web', deployed, { ...its, processTypes: { worker: 'w' } }, {}, /v3 has no web process/],
    ['without a share', deployed, its, { percent: 0 }, /nothing says which requests/],
    ['beside nothing', none, its, {}, /runs nothing yet/],
    ['beside workers alone', { ...deployed, processTypes: { worker: 'w' } }, its, {}, /blog has no web process/],
    [
      'of an app that is scaled to 0',
      { ...deployed, formation: { web: { quantity: 0, ...size } } },
      its,
      {},
      /scaled to 0/,
    ],
  ] as [string, Release, Release, object, RegExp][])
    it(`is refused ${what}`, () =>
      expect(() => checkCanary(app, current, release, { ...change, ...given })).to.throw(said))

  it('is not read with what it may not say', () => {
    for (const wrong of [
      { percent: 100 },
      { percent: -1 },
      { percent: 1.5 },
      { header: { name: 'host', value: 'x' } },
      { processes: 0 },
    ])
      expect(() => changeOf({ id: 'o', change: { ...change, ...wrong } }), JSON.stringify(wrong)).to.throw(/damaged/)
    expect(changeOf({ id: 'o', change })).to.deep.equal(change)
  })

  it('ends in one step, whatever of that a killed worker has done', async () => {
    const { at, did } = acting()
    const store = {
      apps: {
        update: (_: string, patch: object) => Promise.resolve(void did.push(JSON.stringify(Object.keys(patch)))),
      },
    } as never
    await canaryOff.act({ kind: 'canary-off' }, { ...at, store, app: running })
    await canaryOff.act({ kind: 'canary-off' }, { ...at, store, app })
    const once = ['["canary"]', 'refresh route', 'All requests go to v2; no new release']
    expect(did).to.deep.equal(['> Ending the canary v3', ...once, ...once])
    expect(() => canaryOff.check?.({ kind: 'canary-off' }, app, deployed)).to.throw(/blog has no canary/)
  })

  it('is promoted with its code and config vars and the scale of now; one that is not the canary any more is not', async () => {
    const { at } = making({ app: running, release: () => Promise.resolve(its), hasImage: () => Promise.resolve(true) })
    const two = nextRelease(deployed, 4, { kind: 'scale', formation: { web: { quantity: 2 } } })
    const made = await promote.make?.({ kind: 'promote', version: 3 }, at)
    const next = nextRelease(two, 5, { kind: 'promote', version: 3 }, made)
    expect(next).to.deep.include({ version: 5, description: 'Promote v3', image: 'j', commit: 'abcdef1' })
    expect(next.formation.web?.quantity).to.equal(2)
    expect(await reasonOf(promote.make?.({ kind: 'promote', version: 4 }, at))).to.match(/v4 is not the canary/)
    expect(() => promote.check?.({ kind: 'promote', version: 0 }, app, deployed)).to.throw(/blog has no canary/)
  })

  it('keeps pushes and config vars out, which its promotion would take back, and nothing else', () => {
    const config = { kind: 'config', set: {}, unset: [] }
    for (const refused of [push, config]) {
      expect(() => checkBesideCanary(refused, running)).to.throw(/v3 is the canary of blog now/)
      expect(() => checkBesideCanary(refused, app)).not.to.throw()
    }
    for (const kind of [
      'scale',
      'restart',
      'rename',
      'destroy',
      'checks',
      'rollback',
      'promote',
      'canary',
      'canary-off',
    ])
      expect(() => checkBesideCanary({ kind }, running), kind).not.to.throw()
    for (const more of [{ rebuild: true }, { canary: 10 }])
      expect(() => checkBesideCanary({ ...push, ...more }, running)).not.to.throw()
  })
})
