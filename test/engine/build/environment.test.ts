import { readdir, readFile, rm, mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildEnvironment } from '../../../src/engine/build/environment.js'

describe('the environment of a build', () => {
  let directory: string
  before(async () => void (directory = await mkdtemp(join(tmpdir(), 'berth-environment-'))))
  after(() => rm(directory, { recursive: true }))

  const laid = async (text: string): Promise<string> => {
    const settings = { BERTH_CARGO_CONFIG: Buffer.from(text).toString('base64'), OTHER: 'x' }
    const { env, mounts } = await buildEnvironment({ buildEnv: settings }, directory)
    expect(env).to.include({ OTHER: 'x' }).and.not.to.have.property('BERTH_CARGO_CONFIG')
    return mounts.find(({ target }) => target === '/.cargo/config.toml')?.source ?? ''
  }

  it('leaves a file that another step may be mounting what it is, and has a new one for new settings', async () => {
    const [first] = await Promise.all([laid('a'), laid('a'), laid('a')])
    const { ino } = await stat(first)
    const other = await laid('b')
    expect(await laid('a')).to.equal(first)
    expect((await stat(first)).ino).to.equal(ino)
    expect([await readFile(first, 'utf8'), await readFile(other, 'utf8')]).to.deep.equal(['a', 'b'])
    expect(
      (await readdir(directory)).filter((name) => /\.[\w-]{36}$/.test(name)),
      'drafts',
    ).to.deep.equal([])
  })
})
