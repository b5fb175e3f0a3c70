import { Readable } from 'node:stream'
import { expect } from 'chai'
import { pack } from 'tar-stream'
import { imageFile } from '../../src/builds/image-file.js'
import type { EngineClient } from '../../src/engine-client/client.js'

/** An engine whose images have one file. */
function engineWith(archive: NodeJS.ReadableStream | null, there: readonly { Id: string; Created: number }[] = []) {
  const done: string[] = []
  const containers = {
    list: () => Promise.resolve(there),
    create: ({ Image }: { Image: string }) => Promise.resolve(`of ${Image}`),
    get: (_id: string, path: string) => {
      done.push(`got ${path}`)
      return Promise.resolve(archive)
    },
    remove: (id: string) => {
      done.push(`removed ${id}`)
      return Promise.resolve(true)
    },
  }
  return { done, engine: { containers } as unknown as EngineClient }
}

const tarOf = (name: string, text: string): NodeJS.ReadableStream => {
  const archive = pack()
  archive.entry({ name }, text)
  archive.finalize()
  return Readable.from(archive)
}

describe('a file of an image', () => {
  it('is read by a container that never runs and is gone afterwards', async () => {
    const { done, engine } = engineWith(tarOf('Procfile', 'web: x\n'))
    expect(await imageFile(engine, 'image', '/etc/Procfile')).to.equal('web: x\n')
    expect(done).to.deep.equal(['got /etc/Procfile', 'removed of image'])
  })

  it('that is not there is none', async () => {
    const { done, engine } = engineWith(null)
    expect(await imageFile(engine, 'image', '/x')).to.equal(null)
    expect(done.at(-1)).to.equal('removed of image')
  })

  it('that is too long is refused, and its container is gone all the same', async () => {
    const { done, engine } = engineWith(tarOf('x', 'long'))
    const error = await imageFile(engine, 'image', '/x', 3).catch((reason: unknown) => String(reason))
    expect(error).to.equal('Error: x of the image is longer than 3 bytes')
    expect(done.at(-1)).to.equal('removed of image')
  })

  for (const [how, broken] of [
    ['fails', (archive: Readable) => archive.destroy(new Error('the engine is away'))],
    ['breaks off', (archive: Readable) => archive.destroy()],
  ] as const)
    it(`is given up when its archive ${how}, and its container is gone all the same`, async () => {
      const archive = new Readable({ read: () => undefined })
      const { done, engine } = engineWith(archive)
      const reading = imageFile(engine, 'image', '/x').then(
        () => expect.fail('it was read'),
        (reason: unknown) => reason,
      )
      setImmediate(() => broken(archive))
      expect(await reading).to.be.instanceOf(Error)
      expect(done.at(-1)).to.equal('removed of image')
    })

  it('takes away what a worker has left long ago', async () => {
    const now = Math.floor(Date.now() / 1000)
    const { done, engine } = engineWith(null, [
      { Id: 'old', Created: now - 3600 },
      { Id: 'new', Created: now },
    ])
    await imageFile(engine, 'image', '/x')
    expect(done).to.include('removed old').and.not.include('removed new')
  })
})
