import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { treeOfDirectory } from '../../../src/cli/deploy/directory.js'
import { Workspace } from '../../../src/cli/deploy/workspace.js'
import { must } from '../../run.js'

describe('a directory that is deployed', () => {
  let root: string
  let directory: string
  const { BERTH_CONFIG_DIR, GIT_DIR } = process.env
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-directory-'))
    directory = join(root, 'app')
    await mkdir(directory)
    process.env.BERTH_CONFIG_DIR = join(root, 'config')
  })
  afterEach(async () => {
    for (const [name, value] of Object.entries({ BERTH_CONFIG_DIR, GIT_DIR }))
      if (value === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
    await rm(root, { recursive: true })
  })

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text)
    }
  }
  async function taken(): Promise<string[]> {
    await using workspace = await Workspace.open({ url: 'http://berth.localhost', token: 'x' }, 'app')
    const tree = await treeOfDirectory(workspace, directory)
    await workspace.keepIndex()
    return (await workspace.git(['ls-tree', '-r', '--name-only', tree])).split('\n')
  }
  const git = (...args: string[]): Promise<string> =>
    must('git', ['-C', directory, '-c', 'user.name=x', '-c', 'user.email=x@localhost', ...args])
  const refusal = (): Promise<string> => taken().then(String, (error: unknown) => (error as Error).message)

  it('is what is not ignored, and what has changed since', async () => {
    await write({ '.gitignore': 'out/\n', 'a.txt': '1', 'out/x': '1', 'sub/b.txt': '1' })
    expect(await taken()).to.deep.equal(['.gitignore', 'a.txt', 'sub/b.txt'])
    await rm(join(directory, 'a.txt'))
    await write({ 'c.txt': '1' })
    expect(await taken()).to.deep.equal(['.gitignore', 'c.txt', 'sub/b.txt'])
  })

  it('has what changed in the second in which it was taken the last time, of the same length', async () => {
    const file = join(directory, 'a.txt')
    // all that git has of a file to compare is the same then, and its index was written in that second
    const second = 1_500_000_000
    const of = async (text: string): Promise<void> => {
      await write({ 'a.txt': text })
      await utimes(file, second, second)
    }
    await of('one')
    await taken()
    const [deployed = ''] = await readdir(join(root, 'config', 'deploys'))
    const index = join(root, 'config', 'deploys', deployed, 'index')
    await utimes(index, second, second)
    await of('two')
    await using workspace = await Workspace.open({ url: 'http://berth.localhost', token: 'x' }, 'app')
    const tree = await treeOfDirectory(workspace, directory)
    expect(await workspace.git(['cat-file', 'blob', `${tree}:a.txt`])).to.equal('two')
  })

  it('that is a repository has what was committed although it is ignored, as long as it is there', async () => {
    await write({ '.gitignore': 'out/\n', 'out/kept': '1', 'out/gone': '1', 'out/never': '1' })
    await git('init', '-q')
    await git('add', '--force', '.gitignore', 'out/kept', 'out/gone')
    await git('commit', '-q', '-m', 'x')
    await rm(join(directory, 'out/gone'))
    expect(await taken()).to.deep.equal(['.gitignore', 'out/kept'])
    process.env.GIT_DIR = join(root, 'elsewhere') // as in a hook of another repository
    expect(await taken()).to.deep.equal(['.gitignore', 'out/kept'])
  })

  it('that is a damaged repository is refused: what was committed there is not known', async () => {
    await write({ 'a.txt': '1' })
    await git('init', '-q')
    await writeFile(join(directory, '.git/config'), '[core\n')
    expect(await refusal()).to.match(/git ls-files failed/)
  })

  it('is refused with nothing in it, or another repository', async () => {
    expect(await refusal()).to.match(/nothing to deploy/)
    await write({ 'lib/a.js': '1' })
    await git('init', '-q', join(directory, 'lib'))
    await git('-C', 'lib', 'commit', '-q', '--allow-empty', '-m', 'x')
    expect(await refusal()).to.match(/^lib: a git repository of its own/)
  })
})
