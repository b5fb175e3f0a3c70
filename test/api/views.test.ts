import { expect } from 'chai'
import { contract } from '../../src/api/contract.js'
import { viewApp, viewOperation, viewRelease, viewReleaseInfo } from '../../src/api/views.js'
import { loadConfig } from '../../src/config.js'
import type { Operation, StoredChange } from '../../src/store/operations.js'
import { firstRelease } from '../../src/store/releases.js'

const operation = (change: StoredChange): Operation => ({
  ...{ id: '1', app: 'a1', change, status: 'queued', createdAt: 'now', finishedAt: null, release: null, failure: null },
  by: { token: '123456789abc', name: 'ada' },
})

describe('what a caller sees', () => {
  it('of a change is what the contract says, and no value of a config var', () => {
    const change = { kind: 'config', set: { API_KEY: 'hunter2' }, unset: ['OLD'] }
    const view = contract.operations.info.reply.parse(viewOperation(operation(change), 'blog'))
    expect(view).to.include({ app: 'blog', kind: 'config', commit: null, branch: null })
    expect(view.description).to.include('API_KEY').and.to.include('OLD')
    expect(JSON.stringify(view)).to.not.match(/hunter2|123456789abc/)
  })

  it('of a build is its commit and its branch', () => {
    const push = operation({ kind: 'push', commit: 'f'.repeat(40), branch: 'main' })
    expect(contract.builds.info.reply.parse(viewOperation(push, 'blog'))).to.include({
      ...{ commit: 'f'.repeat(40), branch: 'main', description: 'Deploy fffffff' },
    })
  })

  it('of a release is its number, and whether it is the one that runs', () => {
    const release = { ...firstRelease('a1'), version: 3, config: { KEY: 'v' } }
    expect(contract.releases.list.reply.parse([viewRelease(release, 3)])[0]).to.include({ version: 3, current: true })
    expect(viewRelease(release, 4)).to.include({ current: false }).and.to.not.have.property('config')
    const info = contract.releases.info.reply.parse(viewReleaseInfo(release, 2))
    expect(info).to.deep.include({ config: { KEY: 'v' }, current: false })
  })

  it('of an app is where it answers and where it is pushed, by the settings', () => {
    const app = { id: 'a1', name: 'blog', createdAt: 'now', deployBranch: null, current: 1 }
    const at = (port: string) => viewApp(loadConfig({ BERTH_SUPERVISED: '1', BERTH_HTTP_PORT: port }), app)
    expect(contract.apps.list.reply.parse([at('80')])[0]).to.include({
      ...{ url: 'http://blog.localhost', gitUrl: 'http://berth.localhost/blog.git', release: 1 },
    })
    expect(at('8080')).to.include({ url: 'http://blog.localhost:8080', gitUrl: 'http://berth.localhost:8080/blog.git' })
  })
})
