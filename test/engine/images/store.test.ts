import { expect } from 'chai'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { imageHistory, inspectImage, listImages } from '../../../src/engine/images/describe.js'
import { imageFilters } from '../../../src/engine/images/filters.js'
import { importImage } from '../../../src/engine/images/import.js'
import { familiar, parseReference } from '../../../src/engine/oci/reference.js'
import { pruneImages, removeImage } from '../../../src/engine/images/removal.js'
import type { ImageStore } from '../../../src/engine/images/store.js'
import { disk } from '../../memory-disk.js'
import { archive, openStore, temporary } from './lab.js'

const add = (store: ImageStore, name: string, content = name, created = '2024-01-01T00:00:00Z') =>
  importImage(
    store,
    Readable.from([
      archive([
        { name: 'etc/', type: 'directory' },
        { name: 'etc/x', content },
      ]),
    ]),
    {
      names: [name],
      config: { Labels: { from: name } },
      created,
      createdBy: 'test',
      comment: 'a comment',
    },
  )

const filters = (value: object) => imageFilters(new URLSearchParams({ filters: JSON.stringify(value) }))

const failure = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('no error')
}

describe('the image store', () => {
  it('keeps an image once that comes several times at once, under all its names, and lets several remove it', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const { id } = await add(store, 'first')
    const bytes = await store.configuration(id)
    await removeImage(store, 'first', false)
    await add(store, 'layers', 'first') // the same layer, another image
    const names = ['a:1', 'b:1', 'c:1']
    const kept = await Promise.all(names.map((name) => store.persist(bytes, [name])))
    expect(new Set(kept.map((image) => image.id))).to.deep.equal(new Set([id]))
    expect(store.tags.of(id)).to.deep.equal(names)
    expect(readdirSync(join(lab.path, 'images/configs'))).to.include(id.slice(7))
    const removals = await Promise.allSettled([1, 2].map(() => removeImage(store, id, true)))
    expect(removals.map(({ status }) => status)).to.include('fulfilled')
    for (const removal of removals)
      if (removal.status === 'rejected') expect(String(removal.reason)).to.match(/No such image/)
    expect(await failure(store.get(id))).to.include('No such image')
    expect(readdirSync(join(lab.path, 'images/configs'))).to.have.lengthOf(1)
  })

  it('keeps images over a restart, and finds them by name, id and prefix', async () => {
    using lab = temporary()
    const before = await openStore(lab.path)
    const { id, layers } = await add(before, 'me/app:1')
    await before[Symbol.asyncDispose]()
    await using store = await openStore(lab.path)
    for (const reference of ['me/app:1', 'docker.io/me/app:1', id, id.slice(7), id.slice(7, 15)])
      expect((await store.get(reference)).id, reference).to.equal(id)
    expect((await store.get(id)).layers).to.deep.equal(layers)
    expect(await failure(store.get('me/app'))).to.equal('No such image: me/app:latest')
    expect(await failure(store.get('UPPER'))).to.include('repository name (library/UPPER) must be lowercase')
    expect(await failure(store.get('a'.repeat(64)))).to.equal(`No such image: ${'a'.repeat(64)}`)
    const [directory = ''] = await store.lowerDirs(await store.get(id))
    expect(readdirSync(join(directory, 'etc'))).to.deep.equal(['x'])
  })

  it('weighs layers while they are removed, and those that are gone as nothing', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    for (let round = 0; round < 10; round++) {
      const { layers } = await add(store, 'goes', `content ${String(round)}`)
      const [layer] = layers
      if (layer === undefined) throw new Error('no layer')
      expect(await store.layers.space(layer)).to.be.greaterThan(0)
      const removal = removeImage(store, 'goes', false).then(() => undefined)
      for (let gone = false; !gone; gone = !store.layers.has(layer)) {
        expect(await store.layers.space(layer)).to.be.at.least(0)
        await setImmediate() // the removal's turn
      }
      expect(await store.layers.space(layer)).to.equal(0)
      await removal
    }
  })

  it('makes the same image of the same bytes, compressed or not', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const bytes = archive([{ name: 'a', content: 'A' }])
    const as = { names: [], config: {}, created: '2024-01-01T00:00:00Z', createdBy: '', comment: '' }
    const plain = await importImage(store, Readable.from([bytes]), as)
    const packed = await importImage(store, Readable.from([gzipSync(bytes)]), as)
    expect(packed.id).to.equal(plain.id)
  })

  it('forgets what a crash left half-made', async () => {
    using lab = temporary()
    const store = await openStore(lab.path)
    const kept = await add(store, 'kept')
    const torn = await add(store, 'torn')
    await store[Symbol.asyncDispose]()
    const root = join(lab.path, 'images')
    rmSync(join(root, 'layers', `${torn.layers[0]?.slice(7) ?? ''}.json`))
    writeFileSync(join(root, 'configs', '0'.repeat(64)), '{"torn":')
    mkdirSync(join(root, 'layers', 'f'.repeat(64)))
    writeFileSync(join(root, 'layers', `${kept.layers[0]?.slice(7) ?? ''}.part`), '')
    mkdirSync(join(root, 'staging', 'left', 'upper'), { recursive: true })
    await using again = await openStore(lab.path)
    await again.layers.sweep(again.usedLayers())
    expect(again.all().map(({ id }) => id)).to.deep.equal([kept.id])
    expect(again.tags.names()).to.deep.equal(['kept:latest'])
    expect(readdirSync(join(root, 'staging'))).to.deep.equal([])
    expect(readdirSync(join(root, 'configs'))).to.have.length(1)
    const hex = kept.layers[0]?.slice(7) ?? ''
    expect(readdirSync(join(root, 'layers')).sort()).to.deep.equal([hex, `${hex}.json`])
  })

  it('forgets what a registry calls an image that never came, and not one that did', async () => {
    using lab = temporary()
    const before = await openStore(lab.path)
    const { id } = await add(before, 'one')
    const [came, never] = [`x@${id}`, `x@sha256:${'0'.repeat(64)}`]
    await before.nameByDigest(id, came)
    await before.nameByDigest(`sha256:${'1'.repeat(64)}`, never)
    expect(() => before.find(never)).to.throw('No such image')
    await before[Symbol.asyncDispose]()
    await using store = await openStore(lab.path)
    expect(store.digests.names()).to.deep.equal([parseReference(came)].map(familiar))
    expect(store.find(came).image.id).to.equal(id)
  })

  it('leaves nothing of an import that fails', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const bytes = archive([{ name: 'a', content: 'A' }, { name: '../b' }])
    const as = { names: ['x'], config: {}, created: '2024-01-01T00:00:00Z', createdBy: '', comment: '' }
    expect(await failure(importImage(store, Readable.from([bytes]), as))).to.include('points out of the archive')
    const broken = Readable.from(
      (function* () {
        yield bytes.subarray(0, 600)
        throw new Error('the client left')
      })(),
    )
    expect(await failure(importImage(store, broken, as))).to.equal('the client left')
    expect(store.all()).to.deep.equal([])
    expect(readdirSync(join(lab.path, 'images', 'staging'))).to.deep.equal([])
  })

  it('describes images as Docker does', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const image = await add(store, 'me/app:1', 'hello')
    expect(inspectImage(store, image, 147)).to.deep.include({
      Id: image.id,
      RepoTags: ['me/app:1'],
      RepoDigests: [],
      Created: '2024-01-01T00:00:00Z',
      Size: 5,
      RootFS: { Type: 'layers', Layers: image.layers },
    })
    expect(listImages(store, new Map(), 147)).to.deep.equal([
      {
        Id: image.id,
        ParentId: '',
        RepoTags: ['me/app:1'],
        RepoDigests: [],
        Created: 1_704_067_200,
        Size: 5,
        SharedSize: -1,
        Labels: { from: 'me/app:1' },
        Containers: -1,
      },
    ])
    expect(imageHistory(store, image)).to.deep.equal([
      { Id: image.id, Created: 1_704_067_200, CreatedBy: 'test', Tags: ['me/app:1'], Size: 5, Comment: 'a comment' },
    ])
  })

  it('narrows the list', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    await add(store, 'me/one:1', '1', '2024-01-01T00:00:00Z')
    const two = await add(store, 'two', '2', '2024-01-02T00:00:00Z')
    await add(store, 'me/three', '3', '2024-01-03T00:00:00Z')
    await store.untag('two:latest')
    const names = (value: object) =>
      listImages(store, filters(value), 147).flatMap((one) => (one as { RepoTags: string[] }).RepoTags)
    expect(names({})).to.deep.equal(['me/three:latest', 'me/one:1'])
    expect(names({ reference: ['me/*'] })).to.deep.equal(['me/three:latest', 'me/one:1'])
    expect(names({ reference: { 'me/*:1': true } })).to.deep.equal(['me/one:1'])
    expect(names({ label: ['from=me/three'] })).to.deep.equal(['me/three:latest'])
    expect(names({ since: [two.id] })).to.deep.equal(['me/three:latest'])
    expect(names({ before: [two.id] })).to.deep.equal(['me/one:1'])
    expect(listImages(store, filters({ dangling: ['true'] }), 147)).to.have.length(1)
    expect(() => filters({ colour: ['red'] })).to.throw("invalid filter 'colour'")
  })

  it('removes names first, the image and its layers with the last', async () => {
    using lab = temporary()
    const told: string[] = []
    await using store = await openStore(lab.path, told)
    const { id, layers } = await add(store, 'a:1')
    await store.name(id, ['b:2'])
    expect(await failure(removeImage(store, id, false))).to.match(/must be forced.*multiple repositories/)
    expect(await removeImage(store, 'b:2', false)).to.deep.equal([{ Untagged: 'b:2' }])
    expect(await removeImage(store, id.slice(7, 19), false)).to.deep.equal([
      { Untagged: 'a:1' },
      { Deleted: id },
      { Deleted: layers[0] },
    ])
    expect(readdirSync(join(lab.path, 'images', 'layers'))).to.deep.equal([])
    expect(told.map((line) => line.replace(/ sha256:.*/, ''))).to.deep.equal([
      'image tag',
      'image tag',
      'image untag',
      'image untag',
      'image delete',
    ])
  })

  it('keeps a layer that another image has', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const one = await add(store, 'one', 'same')
    const two = await add(store, 'two', 'same')
    expect(one.layers).to.deep.equal(two.layers)
    expect(await removeImage(store, 'one', false)).to.deep.equal([{ Untagged: 'one:latest' }, { Deleted: one.id }])
    expect(store.layers.has(two.layers[0] ?? '')).to.equal(true)
  })

  it('does not take an image from under a container', async () => {
    using lab = temporary(disk)
    const used = new Map<string, string[]>()
    await using store = await openStore(lab.path, [], used)
    const { id } = await add(store, 'a')
    used.set(id, ['c'.repeat(64)])
    expect(await failure(removeImage(store, 'a', false))).to.include('(must force) - container cccccccccccc')
    expect(await failure(removeImage(store, id, true))).to.include('(cannot be forced)')
    expect(await removeImage(store, 'a', true)).to.deep.equal([{ Untagged: 'a:latest' }])
    expect(await pruneImages(store, filters({}))).to.deep.equal({ ImagesDeleted: null, SpaceReclaimed: 0 })
    used.clear()
    const space = await store.space(store.find(id).image)
    expect((await pruneImages(store, filters({}))).SpaceReclaimed)
      .to.equal(space)
      .and.to.be.at.least(4 * 4096)
    expect(store.all()).to.deep.equal([])
  })

  it('prunes named images only when told to', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    const { id } = await add(store, 'a')
    expect((await pruneImages(store, filters({}))).ImagesDeleted).to.equal(null)
    const all = await pruneImages(store, filters({ dangling: ['false'] }))
    expect(all.ImagesDeleted).to.deep.include({ Deleted: id })
  })
})
