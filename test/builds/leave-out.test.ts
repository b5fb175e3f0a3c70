import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { indexOf, treeIdOf } from '../../src/builds/files.js'
import { leaveOut } from '../../src/builds/leave-out.js'

describe('what an app does not want built', () => {
  let root: string
  let directory: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-leave-out-'))
    directory = join(root, 'x.src')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  /** Leaves out of these files; what is there then, and what was said. */
  const left = async (files: Record<string, string>): Promise<{ there: string[]; said: string[] }> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text)
    }
    const env = { ...process.env, GIT_DIR: join(root, 'git', 'a.git') }
    const git = (...args: string[]) =>
      promisify(execFile)('git', args, {
        env: { ...env, GIT_WORK_TREE: directory, GIT_INDEX_FILE: indexOf(directory) },
        cwd: directory,
      })
    await promisify(execFile)('git', ['init', '-q', '--bare', env.GIT_DIR])
    await git('-c', 'core.bare=false', 'add', '--all', '--force')
    await writeFile(treeIdOf(directory), 'whole')
    const said: string[] = []
    const tree = { config: { root }, app: { id: 'a' }, directory }
    await leaveOut(tree, (line) => said.push(line), new AbortController().signal)
    return { there: readdirSync(directory, { recursive: true }).map(String).sort(), said }
  }

  it('is what .slugignore names, folders and all, and the tree is whole no more', async () => {
    const { there, said } = await left({
      ...{ '.slugignore': '# words\ndocs/\n/test\n*.psd\n\nProcfile\n', 'docs/x/1': '', 'a/docs/2': '', 'a/b.psd': '' },
      ...{ 'a/test': '', 'test/t': '', Procfile: '', 'with space': '' },
    })
    expect(there).to.deep.equal(['.slugignore', 'a', 'a/test', 'with space'])
    expect(said).to.deep.equal([
      'Note: .slugignore leaves out Procfile',
      'Leaves out 5 files (.slugignore, export-ignore)',
    ])
    expect(existsSync(treeIdOf(directory))).to.equal(false)
  })

  it('is what has export-ignore, as git archive takes it', async () => {
    const { there, said } = await left({
      ...{ '.gitattributes': 'docs/ export-ignore\n*.md export-ignore\n', 'docs/x/1': '', 'keep.txt': '', 'a.md': '' },
      ...{ 'sub/.gitattributes': '*.md -export-ignore\nx export-ignore\n', 'sub/b.md': '', 'sub/x': '' },
    })
    expect(there).to.deep.equal(['.gitattributes', 'keep.txt', 'sub', 'sub/.gitattributes', 'sub/b.md'])
    expect(said).to.deep.equal(['Leaves out 3 files (.slugignore, export-ignore)'])
  })

  it('is not said by a link, wherever it leads', async () => {
    await mkdir(directory, { recursive: true })
    await symlink('/dev/zero', join(directory, '.gitattributes'))
    expect((await left({ 'a.txt': '' })).there).to.deep.equal(['.gitattributes', 'a.txt'])
  })

  it('is nothing where nothing says so: the tree stays whole', async () => {
    const { there, said } = await left({ '.gitattributes': '*.x text\n', 'sub/.slugignore': 'a', a: '', 'sub/a': '' })
    expect([there.length, said]).to.deep.equal([5, []])
    expect(existsSync(treeIdOf(directory))).to.equal(true)
  })

  for (const [text, words] of [
    ['a\n!b\n', '.slugignore:2:1: a line that begins with !'],
    [`a\n${'x'.repeat(401)}`, '.slugignore:2:1: the line is longer than 400 bytes'],
    ['a\n'.repeat(1001), '.slugignore:1001:1: the file has more than 1000 lines'],
    ['a'.repeat(70_000), '.slugignore:1:1: the file is longer than 65536 bytes'],
  ] as const)
    it(`may not be said by ${JSON.stringify(text.slice(0, 8))}`, async () => {
      const error: unknown = await left({ '.slugignore': text, a: '' }).catch((thrown: unknown) => thrown)
      expect((error as Error).message).to.include(words)
      expect(existsSync(join(directory, 'a'))).to.equal(true)
    })
})
