import { expect } from 'chai'
import { nextRelease } from '../../src/changes/index.js'
import { rollback, rollbackNotes } from '../../src/changes/rollback.js'
import { firstRelease } from '../../src/store/releases.js'
import { built, deployed, making, push } from './made.js'

const change = { kind: 'rollback', version: 2 } as const

describe('a rollback', () => {
  it('has the old image and config under a new number', () => {
    const later = nextRelease(deployed, 3, { kind: 'config', set: { A: '2' }, unset: [] })
    const back = nextRelease(later, 4, change, deployed)
    expect(back).to.include({ version: 4, description: 'Rollback to v2', image: 'sha256:1', status: 'pending' })
    expect(back.config).to.deep.equal({ A: '1' })
  })

  it('has the settings of the process types that it brings back', () => {
    const settings = { web: { user: 'x' } }
    expect(nextRelease(deployed, 3, change, { ...deployed, settings }).settings).to.deep.equal(settings)
    expect(nextRelease({ ...deployed, settings }, 3, change, deployed).settings).to.equal(undefined)
  })

  it('has the mounts of the old release, and says what that takes and brings', () => {
    const mounts = [{ name: 'data', target: '/app/data' }]
    const mounted = { ...deployed, mounts }
    expect(nextRelease(mounted, 3, change, deployed).mounts).to.equal(undefined)
    expect(nextRelease(deployed, 3, change, mounted).mounts).to.deep.equal(mounts)
    expect(rollbackNotes(mounted, deployed).join('\n')).to.contain(
      'Unmounts data from /app/data, where v2 had none; what is in it stays, and `berth storage:mount data:/app/data` brings it back',
    )
    expect(rollbackNotes(deployed, mounted).join('\n')).to.contain('Mounts data at /app/data again')
    expect(rollbackNotes(mounted, mounted).join('\n')).to.not.match(/mounts/i)
  })

  it('needs an image', () =>
    expect(() => nextRelease(deployed, 3, { kind: 'rollback', version: 1 }, firstRelease('a'))).to.throw(
      'v1 has no image',
    ))

  it('brings back the formation of process types that were gone, and says so', () => {
    const two = nextRelease(deployed, 3, {
      kind: 'scale',
      formation: { worker: { quantity: 2 }, web: { quantity: 2 } },
    })
    const without = nextRelease(two, 4, push, { image: 'j', processTypes: { web: 'x' } })
    const more = nextRelease(without, 5, { kind: 'scale', formation: { web: { quantity: 4 } } })
    const back = nextRelease(more, 6, { kind: 'rollback', version: 3 }, two)
    expect(back.formation.worker?.quantity).to.equal(2)
    expect(back.formation.web?.quantity).to.equal(4)
    const notes = rollbackNotes(more, two).join('\n')
    expect(notes).to.contain('Brings back worker=2, which was gone')
    expect(notes).to.match(/Does not bring back the scale .*, domains, or data/)
  })

  it('takes the release as it is when the engine has its image', async () => {
    const { at, said } = making({ release: () => Promise.resolve(deployed), hasImage: () => Promise.resolve(true) })
    expect(await rollback.make?.(change, at)).to.equal(deployed)
    expect(said).to.deep.equal(rollbackNotes(deployed, deployed))
  })

  it('has an image that is gone built again, and runs no release command', async () => {
    const commits: string[] = []
    const { at, said } = making({
      release: () => Promise.resolve(deployed),
      hasImage: () => Promise.resolve(false),
      rebuild: ({ commit, config }) => {
        commits.push(`${commit} ${JSON.stringify(config)}`)
        return Promise.resolve({ ...built, image: 'sha256:2', images: { worker: 'sha256:3' }, port: 80 })
      },
    })
    expect(await rollback.make?.(change, at)).to.deep.equal({
      ...deployed,
      image: 'sha256:2',
      images: { worker: 'sha256:3' },
      port: 80,
    })
    expect(commits).to.deep.equal(['1234567890 {"A":"1"}'])
    expect(said[0]).to.equal('> The image of v2 is not there: building 1234567 again')
    expect(rollback).to.not.have.property('runsReleaseCommand')
  })

  it('of a release without an image asks the engine nothing', async () => {
    const { at } = making({ release: () => Promise.resolve(firstRelease('a')) })
    expect(await rollback.make?.(change, at)).to.include({ image: null })
  })
})
