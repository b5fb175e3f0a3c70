import { expect } from 'chai'
import { kindOf, nextRelease, type Change } from '../../src/changes/index.js'
import type { ReleasingKind } from '../../src/changes/kind.js'
import { rollbackNotes } from '../../src/changes/rollback.js'
import type { App } from '../../src/store/apps.js'
import type { StoredChange } from '../../src/store/operations.js'
import { deployed, making } from './made.js'

const app: App = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 2 }
const link = (service: string, variable?: string): Change => ({
  ...{ kind: 'link', service, name: service, prefix: 'DATABASE' },
  ...(variable !== undefined && { variable }),
})
const made: string[] = []
const links = {
  link: (service: string, variable: string) => {
    made.push(`${service} ${variable}`)
    return Promise.resolve({ service, link: `of-${service}`, revision: 1 })
  },
  rotate: (service: string) => Promise.resolve({ service, link: `of-${service}`, revision: 2 }),
  remaining: () => Promise.resolve({}),
}

const after = async (change: Change, current = deployed) => {
  const kind = kindOf(change) as ReleasingKind<StoredChange, unknown>
  kind.check?.(change, app, current)
  const { at } = making({ current, links })
  return nextRelease(current, current.version + 1, change, await kind.make?.(change, at))
}
const refused = (change: Change, current = deployed) =>
  after(change, current).then(
    () => 'not refused',
    (error: unknown) => (error as Error).message,
  )

describe('links of a release', () => {
  it('have the first config var of their kind that is free', async () => {
    const one = await after(link('s1'))
    expect(one.links).to.deep.equal({ DATABASE_URL: { service: 's1', link: 'of-s1', revision: 1 } })
    const two = await after(link('s2'), one)
    expect(Object.keys(two.links ?? {})).to.deep.equal(['DATABASE_URL', 'DATABASE_2_URL'])
    const taken = await after(link('s1'), { ...deployed, config: { DATABASE_URL: 'x' } })
    expect(Object.keys(taken.links ?? {})).to.deep.equal(['DATABASE_2_URL'])
  })

  it('are refused twice, under a name that is taken or none, and before anything is made', async () => {
    const one = await after(link('s1'))
    made.length = 0
    expect(await refused(link('s1'), one)).to.contain('linked to s1 already')
    expect(await refused(link('s2', 'DATABASE_URL'), one)).to.contain('DATABASE_URL already')
    expect(await refused(link('s2', 'A B'))).to.contain('is not the name of a config var')
    expect(await refused(link('s2', 'BERTH_URL'))).to.contain('is set by Berth itself')
    expect(made).to.deep.equal([])
  })

  it('give a config var that nobody sets or unsets beside', async () => {
    const one = await after(link('s1'))
    for (const change of [
      { set: { DATABASE_URL: 'x' }, unset: [] },
      { set: {}, unset: ['DATABASE_URL'] },
    ])
      expect(await refused({ kind: 'config', ...change }, one)).to.contain('URL of a service')
  })

  it('are another release after a new password, and end with unlink', async () => {
    const one = await after(link('s1'))
    const two = await after({ kind: 'rotate', service: 's1', name: 's1' }, one)
    expect(two.links?.DATABASE_URL?.revision).to.equal(2)
    expect(await refused({ kind: 'rotate', service: 's2', name: 's2' }, one)).to.contain('is not linked to s2')
    const three = await after({ kind: 'unlink', service: 's1', name: 's1' }, two)
    expect(three.links).to.equal(undefined)
  })

  it('are told of in a rollback, as far as they are not what they were', async () => {
    const linked = await after(link('s1'))
    expect(rollbackNotes(linked, deployed).join('\n')).to.contain('Runs without DATABASE_URL: v2 was not linked')
    expect(rollbackNotes(deployed, linked, {}).join('\n')).to.contain('the link that v3 had was revoked')
    expect(rollbackNotes(deployed, linked, linked.links).join('\n')).not.to.contain('DATABASE_URL')
  })
})
