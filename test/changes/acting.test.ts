import { expect } from 'chai'
import { destroy } from '../../src/changes/destroy.js'
import type { Acting } from '../../src/changes/kind.js'
import { rename } from '../../src/changes/rename.js'
import { restart } from '../../src/changes/restart.js'

/** What a worker lends a change; `did` is all that the change asked of it and said, in order. */
function acting(): { at: Acting; did: string[] } {
  const did: string[] = []
  const does = (what: string) => {
    did.push(what)
    return Promise.resolve()
  }
  return {
    did,
    at: {
      app: { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 },
      url: 'http://blog.localhost',
      store: { routes: { remove: (app: string) => does(`take the route from ${app}`) } } as unknown as Acting['store'],
      progress: { step: (text) => did.push(`> ${text}`), detail: (text) => did.push(text) },
      restart: (process) => does(`restart ${process ?? 'all'}`),
      refreshRoute: () => does('refresh route'),
      dismantle: () => does('dismantle'),
    },
  }
}

describe('a restart', () => {
  it('restarts all, or what is named', async () => {
    const { at, did } = acting()
    await restart.act({ kind: 'restart', process: 'web.1' }, at)
    expect(did).to.deep.equal(['> Restarting web.1', 'restart web.1', 'Restarted; no new release'])
    did.length = 0
    await restart.act({ kind: 'restart', process: null }, at)
    expect(did.slice(0, 2)).to.deep.equal(['> Restarting all processes', 'restart all'])
  })

  it('says of which', () => {
    expect(restart.describe({ kind: 'restart', process: 'web' })).to.equal('Restart web')
    expect(restart.describe({ kind: 'restart', process: null })).to.equal('Restart all processes')
  })
})

describe('a rename', () => {
  it('has the router know the name, and says where the app answers', async () => {
    const { at, did } = acting()
    await rename.act({ kind: 'rename' }, at)
    expect(did).to.deep.equal(['refresh route', "http://blog.localhost is the app's address now; no new release"])
  })
})

describe('a destruction', () => {
  it('takes down all there is, and the app with it', async () => {
    const { at, did } = acting()
    await destroy.act({ kind: 'destroy' }, at)
    expect(did).to.deep.equal(['> Destroying blog', 'take the route from a', 'dismantle'])
    expect(destroy.endsApp).to.equal(true)
  })
})
