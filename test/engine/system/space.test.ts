import { mkdtempSync, rmdirSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { mount, unmount } from '../../../src/engine/kernel/libc.js'
import { withinReserve } from '../../../src/engine/system/space.js'

describe('work within the disk’s reserve', () => {
  let root: string
  before(function () {
    root = mkdtempSync(join(tmpdir(), 'berth-space-'))
    try {
      mount('tmpfs', root, 'tmpfs', 0, 'size=20m')
    } catch {
      this.skip() // who is not root has no disk of his own
    }
  })
  after(() => {
    unmount(root)
    rmdirSync(root)
  })

  it('ends when only the reserve is left, and says so', async () => {
    const { signal } = new AbortController()
    const fill = async (low: AbortSignal): Promise<void> => {
      for (;;) {
        low.throwIfAborted()
        await appendFile(join(root, 'x'), Buffer.alloc(1 << 16))
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    const failure = await withinReserve({ root, signal }, fill).catch((error: unknown) => error)
    expect(failure).to.include({ fault: 'full' })
    expect(String(failure)).to.include('before it took the last of the disk')
  })

  it('is what it is when nothing is wrong, when it fails, and when it is called off', async () => {
    const off = new AbortController()
    const reserve = { root: tmpdir(), diskReserve: 0, signal: off.signal }
    expect(await withinReserve(reserve, () => Promise.resolve(7))).to.equal(7)
    const broken = new Error('broken')
    expect(await withinReserve(reserve, () => Promise.reject(broken)).catch((error: unknown) => error)).to.equal(broken)
    const waits = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('called off'))))
    const waiting = withinReserve(reserve, waits).catch((error: unknown) => String(error))
    off.abort()
    expect(await waiting).to.equal('Error: called off')
  })
})
