import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { about, apart, examplesIn, thirdOf } from './e2e/stacks/third.js'

const home = fileURLToPath(new URL('..', import.meta.url))
const folders = (path: string): string[] =>
  readdirSync(join(home, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
const specs = (path: string): string[] =>
  readdirSync(join(home, path)).flatMap((name) => (name.endsWith('.test.ts') ? [name.slice(0, -8)] : []))

describe('the third of the stack tests that a commit chooses', () => {
  const examples = { go: ['hello-go'], cms: ['wordpress'] }
  const third = (commit: string, ...paths: string[]): string[] => thirdOf({ commit, paths, examples })

  it('is all of them in three turns, each once', () => {
    const turns = ['0a0', '0a1', '0a2'].flatMap((commit) => third(commit))
    expect(turns.sort()).to.deep.equal(Object.keys(about).sort())
  })

  it('is the same for the same commit, and needs no history', () => {
    const commit = '772c7d9e0b5f4c3a2918273645fedcba98765432'
    expect(third(commit)).to.deep.equal(third(commit))
    expect(third('')).to.have.length(Object.keys(about).length / 3)
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

  it('is no more than that for a change of everything', () => {
    const everything = Object.values(about).flatMap((names) => names.map((name) => `src/buildpacks/${name}/x.ts`))
    expect(third('1', ...everything)).to.deep.equal(third('1'))
  })

  it('knows the examples of a spec by its text', () => {
    expect(examplesIn("await berth.example('hello-go')\nberth.example('a'); berth.example('hello-go')")).to.deep.equal([
      'hello-go',
      'a',
    ])
  })

  it('leaves out no spec, no buildpack and no stack', () => {
    expect([...Object.keys(about), ...apart].sort()).to.deep.equal(specs('test/e2e/stacks').sort())
    const shown = Object.values(about).flat()
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
