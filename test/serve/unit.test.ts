import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../src/config.js'
import { unitText } from '../../src/serve/unit.js'

describe('the unit of an instance', () => {
  const textOf = (root: string) => unitText(loadConfig({ BERTH_NAME: 'one', BERTH_ROOT: root, BERTH_RUN: '/run/x' }))

  it('bears its name, and says where it lives', () => {
    expect(textOf('/srv/one')).to.match(/^Description=Berth \(one\)$/m)
    expect(textOf('/srv/one')).to.match(/^Environment="BERTH_ROOT=\/srv\/one"$/m)
    expect(textOf('/srv/one')).to.match(/^ExecStart=".*\/bin\/berth" serve$/m)
  })

  // systemd.syntax(7): a quote ends the word, a percent sign begins a specifier, a backslash an escape
  for (const [root, word] of [
    ['/srv/a b', '"BERTH_ROOT=/srv/a b"'],
    ['/srv/"q"', '"BERTH_ROOT=/srv/\\"q\\""'],
    ['/srv/100%i', '"BERTH_ROOT=/srv/100%%i"'],
    ['/srv/$HOME', '"BERTH_ROOT=/srv/$HOME"'],
    ['/srv/a\\x20b', '"BERTH_ROOT=/srv/a\\\\x20b"'],
  ] as const)
    it(`takes ${root} as it is`, () => {
      expect(textOf(root).split('\n')).to.include(`Environment=${word}`)
    })

  it('is one that systemd understands', async function () {
    try {
      execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' })
    } catch {
      this.skip() // a machine without
    }
    const dir = await mkdtemp(join(tmpdir(), 'berth-unit-'))
    const file = join(dir, 'one.service')
    await writeFile(file, textOf('/srv/"a b" 100%i').replace(/^ExecStart=.*/m, 'ExecStart=/bin/true serve'))
    try {
      const said = execFileSync('systemd-analyze', ['verify', '--man=no', file], { stdio: 'pipe', encoding: 'utf8' })
      expect(said).to.equal('')
    } catch (error) {
      const { stderr = '' } = error as { stderr?: string }
      expect(stderr.split('\n').filter((line) => line.includes(file))).to.deep.equal([])
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})
