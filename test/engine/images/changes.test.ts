import { expect } from 'chai'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { changesOf } from '../../../src/engine/images/changes.js'
import { copyLayer } from '../../../src/engine/images/copy-layer.js'
import { mknod, setXattr } from '../../../src/engine/kernel/file-calls.js'
import { existsSync } from 'node:fs'
import { temporary } from './lab.js'

describe('what a container changed', function () {
  if (process.getuid?.() !== 0) return
  const mountPoints = ['/dev', '/etc/hosts']
  const tree = (root: string) => {
    const [lower, upper] = [join(root, 'lower'), join(root, 'upper')]
    for (const directory of ['etc', 'kept', 'old/deep', 'var/log'])
      mkdirSync(join(lower, directory), { recursive: true })
    for (const file of ['etc/group', 'etc/passwd', 'old/deep/f', 'var/log/a']) writeFileSync(join(lower, file), 'x')
    mkdirSync(join(upper, 'etc'), { recursive: true })
    return {
      lower,
      upper,
      changes: () =>
        changesOf({ upper, lowers: [lower], mountPoints }).map(({ Kind, Path }) => `${'CAD'[Kind] ?? ''} ${Path}`),
    }
  }

  it('is nothing when only mount points were made', () => {
    using lab = temporary()
    const { lower, upper, changes } = tree(lab.path)
    mkdirSync(join(upper, 'dev'))
    writeFileSync(join(upper, 'etc/hosts'), '')
    expect(changes()).to.deep.equal([])
    const target = join(lab.path, 'target')
    mkdirSync(target)
    copyLayer({ upper, lowers: [lower], mountPoints, target })
    expect([existsSync(join(target, 'dev')), existsSync(join(target, 'etc'))]).to.deep.equal([false, false])
  })

  it('counts a mount point that holds something', () => {
    using lab = temporary()
    const { upper, changes } = tree(lab.path)
    writeFileSync(join(upper, 'etc/hosts'), 'own')
    expect(changes()).to.deep.equal(['C /etc', 'A /etc/hosts'])
  })

  it("tells whiteouts, opaque directories and what took a directory's place", () => {
    using lab = temporary()
    const { upper, changes } = tree(lab.path)
    mknod(join(upper, 'etc/passwd'), 0o020000)
    mkdirSync(join(upper, 'var/log'), { recursive: true })
    setXattr(join(upper, 'var/log'), 'trusted.overlay.opaque', Buffer.from('y'))
    writeFileSync(join(upper, 'var/log/b'), '')
    symlinkSync('/etc', join(upper, 'old'))
    expect(changes()).to.deep.equal([
      ...['C /etc', 'D /etc/passwd', 'C /old', 'D /old/deep'],
      ...['C /var', 'C /var/log', 'D /var/log/a', 'A /var/log/b'],
    ])
  })

  it('tells a directory by mode and owner, a file by its time as well', () => {
    using lab = temporary()
    const { upper, changes } = tree(lab.path)
    mkdirSync(join(upper, 'kept'))
    utimesSync(join(upper, 'kept'), 1, 1)
    expect(changes()).to.deep.equal([])
    chmodSync(join(upper, 'kept'), 0o700)
    writeFileSync(join(upper, 'etc/group'), 'x')
    utimesSync(join(upper, 'etc/group'), 1, 1)
    expect(changes()).to.deep.equal(['C /etc', 'C /etc/group', 'C /kept'])
  })
})
