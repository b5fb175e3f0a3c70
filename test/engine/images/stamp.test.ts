import { expect } from 'chai'
import {
  appendFileSync,
  closeSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { stampOf, withUnchanged } from '../../../src/engine/images/stamp.js'
import { mknod } from '../../../src/engine/kernel/file-calls.js'
import { settle, temporary } from './lab.js'

describe('a file as it was when it was stamped', () => {
  /** A stamped file, then what `meanwhile` does to it. */
  const stamped = (meanwhile: (path: string) => void = () => undefined) => {
    const lab = temporary()
    const path = join(lab.path, 'f')
    writeFileSync(path, 'as it was')
    const stamp = stampOf(lstatSync(path))
    meanwhile(path)
    return { path, stamp, [Symbol.dispose]: () => lab[Symbol.dispose]() }
  }

  /** Expects it to be refused, and its content not to be read. */
  const refuses = (meanwhile: (path: string) => void): void => {
    using file = stamped(meanwhile)
    let read = false
    const work = () => withUnchanged(file.path, file.stamp, () => (read = true))
    expect(work).to.throw(`"${file.path}" changed while the image was built`).with.property('fault', 'conflict')
    expect(read).to.equal(false)
  }

  it('is worked with, and closed after', () => {
    using file = stamped()
    let held = -1
    const text = withUnchanged(file.path, file.stamp, (fd) => {
      held = fd
      return readFileSync(fd, 'utf8')
    })
    expect(text).to.equal('as it was')
    expect(() => fstatSync(held)).to.throw('EBADF')
  })

  it('is not one that took its place, of the same length, mode and time', () =>
    refuses((path) => {
      const { atime, mtime } = lstatSync(path)
      writeFileSync(`${path}.draft`, 'as it is!')
      utimesSync(`${path}.draft`, atime, mtime)
      renameSync(`${path}.draft`, path)
    }))

  it('is not one that was written to and given its time back', () =>
    refuses((path) => {
      const { atime, mtime, ctimeMs } = lstatSync(path)
      // the kernel's clock for files ticks some hundred times a second
      while (lstatSync(path).ctimeMs === ctimeMs) {
        writeFileSync(path, 'as it is!')
        utimesSync(path, atime, mtime)
      }
    }))

  it('is no link in its place, not even one to the same file', () => {
    refuses((path) => {
      renameSync(path, `${path}.moved`)
      symlinkSync(`${path}.moved`, path)
    })
    refuses((path) => {
      rmSync(path)
      symlinkSync('/etc/passwd', path)
    })
  })

  it('is no fifo, which would hold up whoever opens it', () =>
    refuses((path) => {
      rmSync(path)
      mknod(path, 0o010666)
    }))

  it('is no directory, and not gone', () => {
    refuses((path) => rmSync(path))
    refuses((path) => renameSync(path, `${path}.moved`))
  })

  it('is refused when it changes in the middle of the work', () => {
    for (const change of [
      (path: string) => appendFileSync(path, '!'),
      (path: string) => linkSync(path, `${path}.again`),
      (path: string) => rmSync(path),
    ]) {
      using file = stamped()
      const { path, stamp } = file
      settle(path)
      expect(() => withUnchanged(path, stamp, () => change(path))).to.throw('changed while the image was built')
    }
  })

  it('is closed also when the work fails or the file is another', () => {
    using file = stamped()
    let held = -1
    const failing = (fd: number): never => {
      held = fd
      throw new Error('the work failed')
    }
    expect(() => withUnchanged(file.path, file.stamp, failing)).to.throw('the work failed')
    expect(() => fstatSync(held)).to.throw('EBADF')
    const next = openSync('/dev/null', 'r')
    closeSync(next)
    expect(() => withUnchanged(file.path, 'another', () => undefined)).to.throw('changed')
    const after = openSync('/dev/null', 'r')
    closeSync(after)
    expect(after).to.equal(next)
  })
})
