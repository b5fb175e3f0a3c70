import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { documented } from '../src/document.js'

const home = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(home, file), 'utf8')

describe('the documentation', () => {
  it('is what `npm run docs` makes', async () => {
    for (const { name, is, should } of await documented()) expect(is, name).to.equal(should)
  })

  it('names no file, folder or script that does not exist', () => {
    const git = ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard']
    const files = execFileSync('git', git, { cwd: home, encoding: 'utf8' }).trim().split('\n')
    const names = new Set(files.map((file) => basename(file)))
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)
    const wrong: string[] = []
    for (const page of files.filter((file) => /^(docs\/)?[\w-]+\.md$/.test(file))) {
      for (const [, cited = ''] of read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
        if (!existsSync(join(home, dirname(page), cited))) wrong.push(`${page}: ${cited}`)
      // this page is about files of apps
      if (page === 'docs/deploying.md') continue
      for (const [, cited = ''] of read(page).matchAll(/`((?:src|test|bench|bin|docs|examples|plugins)\/[\w./-]*)`/g))
        if (!existsSync(join(home, cited))) wrong.push(`${page}: ${cited}`)
      for (const [, cited = ''] of read(page).matchAll(/`([\w-]+(?:\.test)?\.ts)`/g))
        if (!names.has(cited)) wrong.push(`${page}: ${cited}`)
      for (const [, cited = ''] of read(page).matchAll(/npm run ([\w:]+)/g))
        if (!scripts.includes(cited)) wrong.push(`${page}: npm run ${cited}`)
    }
    for (const file of files.filter((file) => /^(src|bench|bin)\/|^[\w.-]+\.(js|json)$/.test(file)))
      for (const [, cited = ''] of read(file).matchAll(/\b(docs\/[\w-]+\.md|[A-Z]{4,}\.md)\b/g))
        if (!existsSync(join(home, cited))) wrong.push(`${file}: ${cited}`)
    expect(wrong).to.deep.equal([])
  })
})
