import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openEvents } from '../../../src/engine/events.js'
import { isFault, messageOf, type EngineFault } from '../../../src/engine/errors.js'
import { fillInPlace, settleInPlace } from '../../../src/engine/volumes/fill.js'
import { openVolumes } from '../../../src/engine/volumes/volumes.js'

describe('volumes', () => {
  let root: string
  const events = openEvents()
  const users = new Map<string, string[]>()
  const open = () => openVolumes({ root }, events, { ofVolume: (name) => users.get(name) ?? [] })
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-volumes-'))
    users.clear()
  })
  afterEach(() => rm(root, { recursive: true }))

  const refuses = async (what: Promise<unknown>, fault: EngineFault, message: string) => {
    const error = await what.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.an('error').with.property('message').that.includes(message)
    expect(isFault(error, fault), `not ${fault}`).to.equal(true)
  }

  it('are directories that outlive the engine', async () => {
    const made = await (await open()).ensure('data', { labels: { a: 'b' } })
    expect(made).to.include({ name: 'data', driver: 'local', anonymous: false })
    expect(made.mountpoint).to.equal(join(root, 'volumes/data/_data'))
    await writeFile(join(made.mountpoint, 'file'), 'kept')
    const again = await open()
    expect(await again.get('data')).to.deep.equal(made)
    expect(await again.ensure('data')).to.deep.equal(made)
    expect(await readdir(made.mountpoint)).to.deep.equal(['file'])
  })

  it('whose record is damaged are left out, and keep no engine from starting', async () => {
    await (await open()).ensure('torn')
    await (await open()).ensure('whole')
    for (const text of ['', '{"name":', '\0']) {
      await writeFile(join(root, 'volumes/torn/volume.json'), text)
      const again = await open()
      expect(await again.get('whole')).to.include({ name: 'whole' })
      await refuses(
        Promise.resolve().then(() => again.get('torn')),
        'missing',
        'torn',
      )
    }
  })

  it('without a name get one of 64 hex digits', async () => {
    const made = await (await open()).ensure('')
    expect(made.name).to.match(/^[0-9a-f]{64}$/)
    expect(made.anonymous).to.equal(true)
    expect(made.labels).to.deep.equal({ 'com.docker.volume.anonymous': '' })
  })

  it('asked for twenty times at once are made once', async () => {
    const volumes = await open()
    const before = events.past().length
    const made = await Promise.all(Array.from({ length: 20 }, () => volumes.ensure('data')))
    expect(new Set(made.map((volume) => volume.createdAt))).to.have.lengthOf(1)
    expect(
      events
        .past()
        .slice(before)
        .map((event) => event.Action),
    ).to.deep.equal(['create'])
  })

  it('go with all they hold', async () => {
    const volumes = await open()
    const { mountpoint } = await volumes.ensure('data')
    await mkdir(join(mountpoint, 'deep/er'), { recursive: true })
    await volumes.remove('data', false)
    expect(await readdir(join(root, 'volumes'))).to.be.empty
    await refuses(volumes.get('data'), 'missing', 'get data: no such volume')
  })

  it('in use stay, forced or not', async () => {
    const volumes = await open()
    const { mountpoint } = await volumes.ensure('data')
    users.set('data', ['c1', 'c2'])
    await refuses(volumes.remove('data', false), 'conflict', 'remove data: volume is in use - [c1, c2]')
    await refuses(volumes.remove('data', true), 'conflict', 'volume is in use')
    expect((await stat(mountpoint)).isDirectory()).to.equal(true)
  })

  it('that are not there cannot be removed, unless by force', async () => {
    const volumes = await open()
    await refuses(volumes.remove('nosuch', false), 'missing', 'get nosuch: no such volume')
    await volumes.remove('nosuch', true)
    await refuses(volumes.remove('../x', false), 'missing', 'no such volume')
  })

  it('never get a name that leads elsewhere', async () => {
    const volumes = await open()
    for (const name of ['..', '../x', '/etc', 'a/b', 'a\0b', '.hidden', '-rf', 'a b', 'x'.repeat(256), 'ü1'])
      await refuses(volumes.ensure(name), 'invalid', 'includes invalid characters')
    await refuses(volumes.ensure('a'), 'invalid', 'volume name is too short')
    expect(await readdir(join(root, 'volumes'))).to.be.empty
  })

  it('half made or half removed by a kill are swept at the next start', async () => {
    await mkdir(join(root, 'volumes/.0123456789abcdef/_data'), { recursive: true })
    await mkdir(join(root, 'volumes/stray'))
    expect((await open()).list()).to.be.empty
    expect(await readdir(join(root, 'volumes'))).to.deep.equal(['stray'])
  })

  describe('filled while somebody has them', () => {
    const copy = async (directory: string): Promise<void> => {
      await mkdir(join(directory, 'deep'))
      for (const name of ['a', 'b', 'deep/c']) await writeFile(join(directory, name), name)
      await chmod(directory, 0o750)
    }
    const all = (place: string) => readdir(place, { recursive: true }).then((names) => names.sort())

    it('are the directories that they were, and hold all of it', async () => {
      const volumes = await open()
      const { mountpoint } = await volumes.ensure('data')
      const { ino } = await stat(mountpoint)
      await volumes.hold('data', 'c1')
      await volumes.fill('data', 'c2', async (into) => copy(await into()))
      expect(await all(mountpoint)).to.deep.equal(['a', 'b', 'deep', 'deep/c'])
      expect(await stat(mountpoint)).to.deep.include({ ino, mode: 0o40750 })
      expect(await readdir(join(root, 'volumes/data'))).to.have.members(['_data', 'volume.json'])
    })

    it('hold all of it after the next start, if a kill cut it short', async () => {
      const { mountpoint } = await (await open()).ensure('data')
      await mkdir(join(root, 'volumes/data/copied'))
      await copy(join(root, 'volumes/data/copied'))
      await rename(join(root, 'volumes/data/copied/a'), join(mountpoint, 'a'))
      await writeFile(join(mountpoint, 'b'), 'of a program')
      await open()
      expect(await all(mountpoint)).to.deep.equal(['a', 'b', 'deep', 'deep/c'])
      expect(await readFile(join(mountpoint, 'b'), 'utf8')).to.equal('of a program')
      expect(await readdir(join(root, 'volumes/data'))).to.have.members(['_data', 'volume.json'])
    })
  })

  describe('filled in a place that is not the engine’s', () => {
    const copy = (into: () => Promise<string>) => into().then((directory) => writeFile(join(directory, 'a'), 'new'))

    it('have its owner and mode of the copy, and nothing when it fails', async () => {
      await fillInPlace(root, copy)
      expect(await readdir(root)).to.deep.equal(['a'])
      expect((await stat(root)).mode & 0o777).to.equal(0o755)
      await rm(join(root, 'a'))
      const failing = fillInPlace(root, async (into) => {
        await copy(into)
        throw new Error('full')
      })
      expect(await failing.catch(messageOf)).to.equal('full')
      expect(await readdir(root)).to.be.empty
    })

    it('are left alone when there is nothing to copy', async () => {
      await chmod(root, 0o700)
      await fillInPlace(root, () => Promise.resolve())
      expect((await stat(root)).mode & 0o777).to.equal(0o700)
    })

    it('hold all of it or nothing when a kill has cut it short, and what others wrote', async () => {
      await mkdir(join(root, '.berth-filling'))
      await writeFile(join(root, '.berth-filling/half'), 'hal')
      await writeFile(join(root, 'theirs'), 'theirs')
      await settleInPlace(root)
      expect(await readdir(root)).to.deep.equal(['theirs'])
      await mkdir(join(root, '.berth-filled'))
      for (const name of ['theirs', 'whole']) await writeFile(join(root, '.berth-filled', name), 'new')
      await settleInPlace(root)
      expect(await readdir(root)).to.have.members(['theirs', 'whole'])
      expect(await readFile(join(root, 'theirs'), 'utf8')).to.equal('theirs')
    })
  })
})
