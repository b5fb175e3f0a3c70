import { expect } from 'chai'
import { imagesByOwner } from '../../src/disk/steps.js'

/** Steps by name and bytes, `base 100`. */
const image = (owner: string, ...steps: readonly string[]) => ({
  labels: { owner },
  steps: steps.map((key) => ({ key, bytes: Number(key.split(' ')[1]) })),
})

const count = (...images: ReturnType<typeof image>[]): Record<string, number> =>
  Object.fromEntries([...imagesByOwner(images, ({ labels }) => labels.owner ?? '')].filter(([, bytes]) => bytes > 0))

describe('images by owner', () => {
  it('counts what two releases of an app have once', () => {
    expect(
      count(
        image('', 'base 100'),
        image('a', 'base 100', 'install 30', 'copy 1'),
        image('a', 'base 100', 'install 30', 'copy 2'),
      ),
    ).to.deep.equal({ '': 100, a: 33 })
  })

  it('gives what two apps have to neither', () => {
    expect(count(image('a', 'base 100', 'x 5'), image('b', 'base 100', 'y 7'))).to.deep.equal({ '': 100, a: 5, b: 7 })
    expect(count(image('a', 'base 100', 'x 5'), image('b', 'base 100', 'x 5'))).to.deep.equal({ '': 105 })
  })

  it('gives an app an image that only it has', () => {
    expect(count(image('a', 'base 100', 'x 5'))).to.deep.equal({ a: 105 })
  })

  it('tells the same step after others from itself', () => {
    expect(count(image('a', 'one 1', 'x 5'), image('b', 'two 2', 'x 5'))).to.deep.equal({ a: 6, b: 7 })
  })

  it('counts nothing of images without steps, and many steps of one', () => {
    expect(count(image('a'))).to.deep.equal({})
    const steps = Array.from({ length: 100_000 }, (_, at) => `${at} 1`)
    expect(count({ labels: { owner: 'a' }, steps: steps.map((key) => ({ key, bytes: 1 })) })).to.deep.equal({
      a: 100_000,
    })
  })
})
