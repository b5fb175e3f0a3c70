import { connect, type ChannelModel } from 'amqplib'
import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { freshName, instance, type Instance } from '../instance.js'
import { killServer } from './kill.js'

/** Resolves however a connection ends. */
const whenClosed = (connection: ChannelModel): Promise<void> =>
  new Promise((resolve) => {
    connection.on('error', () => undefined)
    connection.once('close', () => resolve())
  })

/** What every service does is in test/long/services.test.ts: a node of RabbitMQ takes seconds to start. */
describe('an app that is linked to RabbitMQ', function () {
  this.timeout(660_000)
  let berth: Instance
  const [name, app] = [freshName('mq'), freshName('app')]

  /** Its URL, as the host gets there. */
  const url = async (): Promise<string> => {
    await using store = await openStore(berth.config)
    const service = await store.services.get(name)
    const server = await serverOf({ engine: connectEngine(berth.config), config: berth.config }, service)
    const [network] = Object.values(server?.NetworkSettings.Networks ?? {})
    const at = new URL(service.links[0]?.url ?? '')
    at.hostname = network?.IPAddress ?? ''
    return at.href
  }

  before(async () => {
    berth = await instance()
    const made = await berth.berth(['services:create', 'rabbitmq', name], { timeoutMs: 600_000 })
    expect(made, made.stderr).to.include({ code: 0 })
    await berth.succeed('apps:create', app)
    await berth.succeed('services:link', name, '-a', app)
  })

  it('has every message that was confirmed after a kill -9', async () => {
    const connection = await connect(await url())
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => undefined)
    await channel.assertQueue('work', { durable: true })
    let confirmed = 0
    let killed: Promise<void> | undefined
    const closed = whenClosed(connection)
    for (let sent = 0; sent < 5000; sent += 1)
      channel.sendToQueue('work', Buffer.from(`message ${String(sent)}`), { persistent: true }, (error: unknown) => {
        if (error) return
        confirmed += 1
        if (confirmed >= 200) killed ??= killServer(berth, name)
      })
    await closed
    expect(killed, `${String(confirmed)} were confirmed`).not.to.equal(undefined)
    await killed
    expect(confirmed).to.be.within(200, 4999)
    await berth.succeed('services:start', name)
    const again = await connect(await url())
    const { messageCount } = await (await again.createChannel()).checkQueue('work')
    expect(messageCount).to.be.at.least(confirmed)
    await again.close()
  })

  it('is cut off, and let in no more, once it is unlinked', async () => {
    const before = await url()
    const connection = await connect(before)
    const closed = whenClosed(connection)
    await berth.succeed('services:unlink', name, '-a', app)
    await closed
    expect(await connect(before).then(() => 'let in', String)).to.contain('ACCESS_REFUSED')
  })
})
