import { expect } from 'chai'
import { nextRelease } from '../../src/changes/index.js'
import { destroyVolume } from '../../src/changes/destroy-volume.js'
import { mount, sharingNotes, unmount } from '../../src/changes/mount.js'
import type { App } from '../../src/store/apps.js'
import { firstRelease, type Release } from '../../src/store/releases.js'
import { acting, deployed, making } from './made.js'

const app: App = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 2 }
const data = { kind: 'mount', name: 'data', target: '/app/data' } as const
const mounted = nextRelease(deployed, 3, data)

describe('a mount', () => {
  it('adds to what is mounted, and changes what is said of one place', () => {
    expect(mounted.mounts).to.deep.equal([{ name: 'data', target: '/app/data' }])
    const two = nextRelease(mounted, 4, { kind: 'mount', name: 'db', target: '/db', size: 2 ** 30 })
    expect(two.mounts?.map(({ name }) => name)).to.deep.equal(['data', 'db'])
    const web = nextRelease(two, 5, { ...data, types: ['web'], readOnly: true })
    expect(web.mounts?.[0]).to.deep.equal({ name: 'data', target: '/app/data', types: ['web'], readOnly: true })
    const again = nextRelease(two, 5, { kind: 'mount', name: 'db', target: '/elsewhere' })
    expect(again.mounts?.[2], 'a volume has one size').to.deep.equal({
      name: 'db',
      target: '/elsewhere',
      size: 2 ** 30,
    })
  })

  it('of what is mounted so changes nothing', () => {
    expect(mount.changesNothing?.(data, mounted)).to.equal(true)
    expect(mount.changesNothing?.({ ...data, exclusive: true }, mounted)).to.equal(false)
  })

  it('makes the volume, and says who shares it', async () => {
    const made: unknown[] = []
    const { at, said } = making({
      current: { ...deployed, formation: { worker: { quantity: 2, memory: 1, cpus: 1 } } },
      createVolume: (name, { size, host }) => Promise.resolve(void made.push([name, size, host])),
    })
    await mount.make?.({ ...data, size: 2 ** 30 }, at)
    expect(made).to.deep.equal([['data', 2 ** 30, undefined]])
    expect(said.join('\n')).to.contain('web.1, worker.1, worker.2 share data: what two write at once they must lock')
    expect(said.join('\n')).to.contain('During a deploy the old web process and the new one have data at once')
    expect(sharingNotes({ ...mounted, mounts: [{ ...data, exclusive: true }] }, 'data')).to.deep.equal([])
    expect(sharingNotes({ ...mounted, mounts: [{ ...data, readOnly: true }] }, 'data')).to.deep.equal([])
  })

  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['a name that leads out', { name: '../x' }, /not the name of a volume/],
    ['no name', { name: '' }, /not the name of a volume/],
    ['a name of 65 letters', { name: 'a'.repeat(65) }, /not the name of a volume/],
    ['a relative path', { target: 'data' }, /no place for a volume/],
    ['the root', { target: '/' }, /no place for a volume/],
    ['a path with ..', { target: '/app/../etc' }, /no place for a volume/],
    ['a slash at the end', { target: '/app/data/' }, /no place for a volume/],
    ['two slashes', { target: '/app//data' }, /no place for a volume/],
    ['a control character', { target: '/app/da\nta' }, /no place for a volume/],
    ['a path too long', { target: `/${'a/'.repeat(2050)}b` }, /no place for a volume/],
    ['the app itself', { target: '/app' }, /would hide what the image has/],
    ['the programs', { target: '/usr/bin' }, /would hide what the image has/],
    ['the kernel', { target: '/proc/1' }, /belongs to the system/],
    ['devices', { target: '/dev' }, /belongs to the system/],
    ['a type that is not there', { types: ['web', 'clock'] }, /no process type "clock"/],
    ['a small size', { size: 1000 }, /less than 16M/],
    ['read-only and exclusive', { readOnly: true, exclusive: true }, /only read/],
    ['a place that is taken', { name: 'other' }, /has the volume data already/],
  ]
  for (const [what, fields, words] of refused)
    it(`refuses ${what}`, () => expect(() => mount.check?.({ ...data, ...fields }, app, mounted)).to.throw(words))

  it('takes any process type before the first push', () =>
    expect(() => mount.check?.({ ...data, types: ['clock'] }, app, firstRelease('a'))).to.not.throw())

  it('ends at thirty', () => {
    const mounts = Array.from({ length: 30 }, (_, i) => ({ name: 'data', target: `/d/${i}` }))
    expect(() => mount.check?.(data, app, { ...deployed, mounts })).to.throw('30 mounts at most')
    expect(() => mount.check?.({ ...data, target: '/d/3' }, app, { ...deployed, mounts })).to.not.throw()
  })
})

describe('an unmount', () => {
  const both = nextRelease(mounted, 4, { ...data, target: '/other' })

  it('takes a volume from all its places, or from one', () => {
    expect(nextRelease(both, 5, { kind: 'unmount', name: 'data' }).mounts).to.deep.equal([])
    const one = nextRelease(both, 5, { kind: 'unmount', name: 'data', target: '/other' })
    expect(one.mounts).to.deep.equal(mounted.mounts)
  })

  it('needs a volume that is mounted, by a command', () => {
    const check = (name: string, current: Release) => () => unmount.check?.({ kind: 'unmount', name }, app, current)
    expect(check('data', both)).to.not.throw()
    expect(check('db', both)).to.throw('blog has no volume db mounted')
    const composed = { ...deployed, settings: { web: { volumes: [{ name: 'db', target: '/db' }] } } }
    expect(check('db', composed)).to.throw('blog has no volume db mounted').with.property('hint').contains('compose')
  })
})

describe('the end of a volume', () => {
  it('is refused while it is mounted, also where that came meanwhile', async () => {
    const change = { kind: 'destroy-volume', name: 'data' } as const
    expect(() => destroyVolume.check?.(change, app, mounted)).to.throw('the volume data is mounted at /app/data')
    const { at, did } = acting()
    await destroyVolume.act(change, { ...at, current: mounted }).then(
      () => expect.fail('it was destroyed'),
      (error: unknown) => expect(String(error)).to.contain('mounted at /app/data'),
    )
    expect(did).to.deep.equal([])
    await destroyVolume.act(change, at)
    expect(did[0]).to.equal('remove the volume data')
  })
})
