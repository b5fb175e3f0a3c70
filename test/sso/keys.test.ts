import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { keyPeriod, SsoKeys } from '../../src/sso/keys.js'
import { open, seal } from '../../src/sso/seal.js'

describe('the keys of sessions', () => {
  let root: string
  const folder = () => join(root, 'router', 'sso')
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-sso-keys-'))
  })
  afterEach(() => rm(root, { recursive: true }))
  const at = (period: number) => new SsoKeys(root, () => period * keyPeriod + 1)

  it('are made once, whoever asks first, and are nobody else’s to read', async () => {
    const [one, two] = [at(700), at(700)]
    const sealed = seal(one, 'a', 'text')
    expect([open(two, 'a', sealed), open(at(700), 'a', seal(two, 'a', 'more'))]).to.deep.equal(['text', 'more'])
    expect(await readdir(folder())).to.deep.equal(['700.json'])
    expect((await stat(join(folder(), '700.json'))).mode & 0o777).to.equal(0o600)
    expect((await stat(folder())).mode & 0o777).to.equal(0o700)
  })

  it('change with the period, are good for one more, and gone after that', async () => {
    const sealed = seal(at(700), 'a', 'text')
    expect(at(701).all()).to.have.length(2)
    expect([open(at(701), 'a', sealed), open(at(702), 'a', sealed), open(at(699), 'a', sealed)]).to.deep.equal([
      ...['text', null, 'text'],
    ])
    at(702).current()
    expect((await readdir(folder())).sort()).to.deep.equal(['701.json', '702.json'])
  })

  it('are found a second after another router has made them', () => {
    let now = 700 * keyPeriod + 1
    const [one, two] = [new SsoKeys(root, () => now), at(700)]
    expect(one.of(700)).to.equal(undefined)
    const sealed = seal(two, 'a', 'text')
    now += 1_000
    expect(open(one, 'a', sealed)).to.equal('text')
  })

  it('open nothing that was sealed for another use, by others, or changed', () => {
    const keys = at(700)
    const sealed = seal(keys, 'a', 'text')
    expect(open(keys, 'b', sealed)).to.equal(null)
    for (let i = 4; i < sealed.length; i += 1) {
      const other = sealed[i] === 'A' ? 'Q' : 'A'
      expect(open(keys, 'a', sealed.slice(0, i) + other + sealed.slice(i + 1)), String(i)).to.equal(null)
    }
    expect(seal(keys, 'a', 'text')).to.not.equal(sealed)
  })

  it('are said to be wrong, and not made anew, where their file is', async () => {
    at(700).current()
    const file = join(folder(), '700.json')
    const { sign } = JSON.parse(await readFile(file, 'utf8')) as { sign: string }
    await writeFile(file, JSON.stringify({ seal: 'short', sign }))
    expect(() => at(700).current()).to.throw(/700\.json holds no key/)
  })
})
