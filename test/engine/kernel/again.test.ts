import { expect } from 'chai'
import koffi from 'koffi'
import { again } from '../../../src/engine/kernel/again.js'

describe('a call that changes nothing', () => {
  /** Fails so often with one of errno's numbers, and then answers. */
  const failing = (times: number, code: 'EAGAIN' | 'ENODATA') => {
    let calls = 0
    const call = (): number => {
      if (++calls > times) return 7
      koffi.errno(koffi.os.errno[code] ?? 0)
      return -1
    }
    return { result: again(call), calls }
  }

  it('is made again where errno is of something else, and not without end', () => {
    expect(failing(0, 'EAGAIN')).to.deep.equal({ result: 7, calls: 1 })
    expect(failing(2, 'EAGAIN')).to.deep.equal({ result: 7, calls: 3 })
    expect(failing(100, 'EAGAIN')).to.deep.equal({ result: -1, calls: 5 })
  })

  it('is made once where it fails as it may', () => {
    expect(failing(1, 'ENODATA')).to.deep.equal({ result: -1, calls: 1 })
  })
})
