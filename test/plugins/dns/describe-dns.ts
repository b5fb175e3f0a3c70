import { expect } from 'chai'
import { BerthError } from '../../../src/errors.js'
import type { DnsPlugin } from '../../../src/plugins/public.js'

/** What a plugin of kind `dns` is tried on: a server that has the zones example.org and deep.example.org, and no other. */
export interface DnsRig extends AsyncDisposable {
  readonly plugin: DnsPlugin
  /** The same, with credentials that are wrong. */
  readonly stranger: DnsPlugin
  /** What a name says, as the server has it, in order. */
  texts(name: string): Promise<readonly string[]>
  /** Has a name say a text beside what it says: somebody else's. */
  put(zone: string, name: string, text: string): Promise<void>
  /** Ends the server. */
  end(): Promise<void>
}

const never = new AbortController().signal
const zone = 'example.org'
const name = `_acme-challenge.${zone}`

/** What every plugin of kind `dns` keeps. */
export function describeDns(title: string, make: () => Promise<DnsRig>): void {
  describe(`${title} makes TXT records`, function () {
    this.timeout(30_000)
    let rig: DnsRig
    before(async () => (rig = await make()))
    after(() => rig[Symbol.asyncDispose]())

    it('in the longest zone that the name is in', async () => {
      const { plugin } = rig
      expect(await plugin.zoneOf(name, never)).to.equal(zone)
      expect(await plugin.zoneOf('_acme-challenge.a.b.example.org', never)).to.equal(zone)
      expect(await plugin.zoneOf('_acme-challenge.x.deep.example.org', never)).to.equal('deep.example.org')
      expect(await plugin.zoneOf('_acme-challenge.notexample.org', never), 'the end of a label is no zone').to.equal(
        null,
      )
      expect(await plugin.zoneOf('_acme-challenge.example.net', never)).to.equal(null)
    })

    it('beside others, and takes away its own', async () => {
      const { plugin } = rig
      await rig.put(zone, name, 'of somebody else')
      await plugin.add({ zone, name, text: 'one' }, never)
      await plugin.add({ zone, name, text: 'two' }, never)
      expect(await rig.texts(name)).to.deep.equal(['of somebody else', 'one', 'two'])
      await plugin.remove({ zone, name, text: 'one' }, never)
      expect(await rig.texts(name)).to.deep.equal(['of somebody else', 'two'])
      await plugin.remove({ zone, name, text: 'two' }, never)
      expect(await rig.texts(name)).to.deep.equal(['of somebody else'])
    })

    it('however often it is asked for one', async () => {
      const { plugin } = rig
      const record = { zone, name: `again._acme-challenge.${zone}`, text: 'a_-Z09' }
      await plugin.add(record, never)
      await plugin.add(record, never)
      expect(await rig.texts(record.name)).to.deep.equal(['a_-Z09'])
      await plugin.remove(record, never)
      await plugin.remove(record, never)
      expect(await rig.texts(record.name)).to.deep.equal([])
    })

    it('at once for many, and loses none', async () => {
      const { plugin } = rig
      const records = Array.from({ length: 4 }, (_, index) => ({
        ...{ zone, name: `many._acme-challenge.${zone}`, text: `text${index}` },
      }))
      await Promise.all(records.map((record) => plugin.add(record, never)))
      expect(await rig.texts(`many._acme-challenge.${zone}`)).to.deep.equal(records.map(({ text }) => text))
      await Promise.all(records.map((record) => plugin.remove(record, never)))
      expect(await rig.texts(`many._acme-challenge.${zone}`)).to.deep.equal([])
    })

    it('in the zone that it names', async () => {
      const record = { zone: 'deep.example.org', name: '_acme-challenge.deep.example.org', text: 'deep' }
      await rig.plugin.add(record, never)
      expect(await rig.texts(record.name)).to.deep.equal(['deep'])
      await rig.plugin.remove(record, never)
    })

    it('for nobody with other credentials, and says so', async () => {
      const refused = await refusal(async () => {
        await rig.stranger.zoneOf(name, never)
        await rig.stranger.add({ zone, name, text: 'x' }, never)
      })
      expect(refused.fault).to.be.oneOf(['unavailable', 'denied'])
      expect(refused.message).not.to.include('secret')
      expect(await rig.texts(name)).not.to.include('x')
    })

    it('no longer than it may', async () => {
      const gone = AbortSignal.abort(new BerthError('conflict', 'cancelled'))
      expect((await refusal(() => rig.plugin.add({ zone, name, text: 'late' }, gone))).message).to.equal('cancelled')
    })

    it('of nobody who is away, and says so', async () => {
      await rig.end()
      expect((await refusal(() => rig.plugin.add({ zone, name, text: 'x' }, never))).fault).to.equal('unavailable')
    })
  })
}

/** What a task was refused with. */
export async function refusal(task: () => Promise<unknown>): Promise<BerthError> {
  try {
    await task()
  } catch (error) {
    if (error instanceof BerthError) return error
    throw error
  }
  throw new Error('it was not refused')
}
