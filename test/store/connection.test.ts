import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig, type Config } from '../../src/config.js'
import { connectRedis } from '../../src/store/connection.js'
import { startRedis } from '../redis.js'
import { refusals } from './rig.js'

describe('a connection to Redis', () => {
  let dir: string
  let config: Config
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-redis-'))
    config = loadConfig({ BERTH_ROOT: join(dir, 'root'), BERTH_RUN: join(dir, 'run') })
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('that is patient is there once Redis is, and holds what is asked of it while Redis is away', async () => {
    const waiting = connectRedis(config)
    await using child = await startRedis(config)
    const redis = await waiting
    await redis.set('kept', '1')
    await child.kill()
    const asked = redis.get('kept')
    await child.start()
    expect(await asked).to.equal('1')
    redis.disconnect()
  })

  it('that is not fails at once, and works again when Redis is back', async () => {
    expect(await refusals([connectRedis(config, false)])).to.not.deep.equal([null])
    await using child = await startRedis(config)
    const redis = await connectRedis(config, false)
    const lost = new Promise((resolve) => redis.once('close', resolve))
    await child.kill()
    await lost
    expect(await refusals([redis.ping()])).to.not.deep.equal([null])
    const ready = new Promise((resolve) => redis.once('ready', resolve))
    await child.start()
    await ready
    expect(await redis.ping()).to.equal('PONG')
    redis.disconnect()
  })
})
