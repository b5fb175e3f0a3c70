import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { apart, examplesIn, most, specs, sum, thirdOf } from './e2e/stacks/third.js'

const home = fileURLToPath(new URL('..', import.meta.url))
const folders = (path: string): string[] =>
  readdirSync(join(home, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
const files = (path: string): string[] =>
  readdirSync(join(home, path)).flatMap((name) => (name.endsWith('.test.ts') ? [name.slice(0, -8)] : []))

describe('the third of the stack tests that a commit chooses', () => {
  const examples = { go: ['hello-go'], cms: ['wordpress'] }
  const chosen = (commit: string, ...paths: string[]) => thirdOf({ commit, paths, examples })
  const third = (commit: string, ...paths: string[]) => [...chosen(commit, ...paths).run]

  it('is all of them in three turns, each once', () => {
    const turns = ['0a0', '0a1', '0a2'].flatMap((commit) => third(commit))
    expect(turns.sort()).to.deep.equal(Object.keys(specs).sort())
  })

  it('is the same for the same commit, and needs no history', () => {
    const commit = '772c7d9e0b5f4c3a2918273645fedcba98765432'
    expect(third(commit)).to.deep.equal(third(commit))
    expect(third('')).to.deep.equal(third('0'))
  })

  it('takes as long whichever it is, and what is added is bounded', () => {
    const everything = Object.values(specs).flatMap(({ about }) => about.map((name) => `src/buildpacks/${name}/x.ts`))
    const all = sum(Object.keys(specs))
    for (const commit of ['0', '1', '2']) {
      expect(sum(third(commit))).to.be.closeTo(all / 3, all / 60)
      expect(sum(third(commit, ...everything)) - sum(third(commit))).to.be.within(1, most)
    }
    const { run, left } = chosen('1', ...everything)
    expect([...run, ...left].sort()).to.deep.equal(Object.keys(specs).sort())
  })

  it('has room for each spec that a change touches alone', () => {
    for (const [name, { seconds }] of Object.entries(specs)) expect(seconds, name).to.be.at.most(most)
  })

  it('has what the change touches beside it', () => {
    for (const commit of ['0', '1', '2']) {
      expect(third(commit, 'examples/hello-go/go.mod')).to.include('go')
      expect(third(commit, 'examples/wordpress/Procfile')).to.include('cms')
      expect(third(commit, 'src/buildpacks/php/version.ts')).to.include.members(['cms', 'php'])
      expect(third(commit, 'src/stacks/rust/stack.ts', 'README.md')).to.include('rust')
      expect(third(commit, 'test/e2e/stacks/ruby.test.ts')).to.include('ruby')
      expect(third(commit, 'examples/hello-gone/x', 'src/buildpacks/tree.ts')).to.deep.equal(third(commit))
    }
  })

  it('knows the examples of a spec by its text', () => {
    expect(examplesIn("await berth.example('hello-go')\nberth.example('a'); berth.example('hello-go')")).to.deep.equal([
      'hello-go',
      'a',
    ])
  })

  it('leaves out no spec, no buildpack and no stack', () => {
    expect([...Object.keys(specs), ...apart].sort()).to.deep.equal(files('test/e2e/stacks').sort())
    const shown = Object.values(specs).flatMap(({ about }) => about)
    expect(shown).to.include.members([...folders('src/buildpacks'), ...folders('src/stacks')])
  })

  it('leaves out no example that no other test deploys', () => {
    const files = readdirSync(join(home, 'test/e2e'), { recursive: true, encoding: 'utf8' })
    const texts = files.flatMap((file) =>
      file.endsWith('.test.ts') ? [readFileSync(join(home, 'test/e2e', file), 'utf8')] : [],
    )
    const undeployed = folders('examples').filter((name) => !texts.some((text) => text.includes(`'${name}'`)))
    expect(undeployed).to.deep.equal([])
  })
})
