import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatDeb822, parseDeb822, parseOneLine, readAptSources } from '../../../src/engine/images/apt-sources.js'
import { temporary } from './lab.js'

const uri = 'http://mirror.test/debian'

describe('the host’s apt sources', () => {
  it('reads one-line entries, leaving out sources, comments and others’ keys', () => {
    const text = [
      `deb ${uri} bookworm main contrib # a comment`,
      `# deb ${uri} sid main`,
      `deb-src ${uri} bookworm main`,
      `deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${uri} bookworm-updates main`,
      `deb [signed-by=/etc/apt/keyrings/other.gpg] http://other.test bookworm main`,
    ]
    expect(parseOneLine(text.join('\n'))).to.deep.equal([
      { uri, suite: 'bookworm', components: ['main', 'contrib'] },
      { uri, suite: 'bookworm-updates', components: ['main'] },
    ])
  })

  it('reads deb822 stanzas with several suites and folded fields', () => {
    const text = `# x\nTypes: deb deb-src\nURIs: ${uri}\nSuites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\nURIs: http://other.test\nSuites: bookworm\nComponents: main\nEnabled: no\n`
    const sources = parseDeb822(text)
    expect(sources.map(({ suite }) => suite)).to.deep.equal(['bookworm', 'bookworm-updates'])
    expect(parseDeb822(formatDeb822(sources))).to.deep.equal(sources)
  })

  it('keeps the release’s suites and main, once each', async () => {
    using lab = temporary()
    mkdirSync(join(lab.path, 'sources.list.d'))
    writeFileSync(join(lab.path, 'sources.list'), `deb ${uri} bookworm main contrib\ndeb ${uri} bookworm main\n`)
    writeFileSync(join(lab.path, 'sources.list.d', 'x.list'), 'deb http://x.test nodistro main\n')
    writeFileSync(join(lab.path, 'sources.list.d', 'y.list.disabled'), 'deb http://y.test bookworm main\n')
    expect(await readAptSources(lab.path, 'bookworm')).to.deep.equal([{ uri, suite: 'bookworm', components: ['main'] }])
  })

  it('says so when there are none', async () => {
    using lab = temporary()
    let message = ''
    await readAptSources(lab.path, 'bookworm').catch((error: unknown) => (message = (error as Error).message))
    expect(message).to.include('no Debian bookworm archive in')
  })
})
