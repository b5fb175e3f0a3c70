import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { git, GitFailed, must, records, scrubEnvironment } from '../../src/git/git.js'
import { bareRepository, failure, type BareRepository } from './bare.js'

describe('git, run by us', () => {
  let bare: BareRepository
  before(async () => {
    bare = await bareRepository()
  })
  after(() => bare[Symbol.asyncDispose]())

  const all = async (args: readonly string[], longest = 1000, input?: string): Promise<string[]> => {
    const found: string[] = []
    for await (const record of records(bare.path, args, {}, longest, input)) found.push(record.toString())
    return found
  }

  it('sees nothing of our surroundings, and what it is given', async () => {
    process.env.GIT_BERTH_TEST = 's3cret'
    try {
      const seen = await must(bare.path, ['-c', 'alias.all=!env', 'all'], { MINE: '1' })
      expect(seen).to.not.include('s3cret')
      expect(seen.split('\n')).to.include.members([`GIT_DIR=${bare.path}`, 'MINE=1', 'GIT_TERMINAL_PROMPT=0'])
    } finally {
      delete process.env.GIT_BERTH_TEST
    }
  })

  it('is the one within its limits where that is installed', async () => {
    await using other = await bareRepository()
    const programs = join(other.dir, 'git', 'bin')
    await mkdir(programs)
    await writeFile(join(programs, 'git'), '#!/bin/sh\necho limited "$@"\n', { mode: 0o755 })
    expect(await must(other.path, ['status'])).to.equal('limited -c safe.directory=* status')
  })

  it('answers with how it ended, and with the end of what it said', async () => {
    expect(await git(bare.path, ['rev-parse', '--verify', '--quiet', 'none'])).to.deep.equal({
      code: 1,
      stdout: '',
      stderr: '',
    })
    const wordy = await git(bare.path, ['-c', 'alias.w=!yes wordy | head -c 100000 >&2; echo end >&2; exit 3', 'w'])
    expect(wordy.code).to.equal(3)
    expect(wordy.stderr.length).to.be.within(1990, 2000)
    expect(wordy.stderr).to.match(/end$/)
    expect((await git(bare.path, ['-c', 'alias.k=!kill -9 $PPID', 'k'])).code).to.equal(null)
  })

  it('fails in its own last words, and in ours where it had none', async () => {
    const error = await failure(must(bare.path, ['-c', 'a.b=c', 'cat-file', '-t', 'none']))
    expect(error).to.be.instanceOf(GitFailed)
    expect((error as Error).message).to.match(/^git cat-file: fatal: Not a valid object name none/)
    expect(await failure(must(bare.path, ['rev-parse', '--verify', '--quiet', 'none']))).to.include({
      message: 'git rev-parse: ended with 1 and said nothing',
    })
  })

  it('reads what it is given, and may end without', async () => {
    expect(await must(bare.path, ['hash-object', '--stdin'], {}, '')).to.equal(
      'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391',
    )
    expect(await must(bare.path, ['--version'], {}, 'x'.repeat(1_000_000))).to.match(/^git version/)
  })

  it('tells record by record, however long all of it is', async () => {
    const lines = Array.from({ length: 20_000 }, (_, at) => `path${String(at)}`)
    const fields = await all(['check-attr', '-z', '--stdin', 'filter'], 1000, lines.map((line) => `${line}\0`).join(''))
    expect(fields.filter((_, at) => at % 3 === 0)).to.deep.equal(lines)
    expect(await all(['-c', 'alias.r=!printf "a\\0\\0é\\0rest"', 'r'])).to.deep.equal(['a', '', 'é'])
  })

  it('that tells a record of no end is ended', async () => {
    expect(await failure(all(['-c', 'alias.y=!yes', 'y'], 10_000))).to.be.instanceOf(RangeError)
  })

  it('is ended when nobody takes its records any longer', async () => {
    for await (const record of records(bare.path, ['-c', 'alias.y=!yes | tr "\\n" "\\0"', 'y'], {}, 10)) {
      expect(record.toString()).to.equal('y')
      break
    }
  })

  it('that fails after some records says so', async () => {
    const seen: string[] = []
    const read = async () => {
      const args = ['-c', 'alias.f=!printf "a\\0"; echo "fatal: torn" >&2; exit 128', 'f']
      for await (const record of records(bare.path, args, {}, 10)) seen.push(record.toString())
    }
    expect(await failure(read()))
      .to.be.instanceOf(GitFailed)
      .and.include({ message: 'git f: fatal: torn' })
    expect(seen).to.deep.equal(['a'])
  })
})

describe('the environment of what runs git for us', () => {
  it('loses all that steers git, and other instances’ programs', () => {
    const env: NodeJS.ProcessEnv = {
      GIT_DIR: '/x',
      GIT_CONFIG_COUNT: '1',
      HOME: '/root',
      PATH: '/usr/bin:/other/git/bin:/bin',
    }
    scrubEnvironment('/mine/git/bin', env)
    scrubEnvironment('/mine/git/bin', env)
    expect(env).to.deep.equal({
      HOME: '/root',
      PATH: '/mine/git/bin:/usr/bin:/bin',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      LC_ALL: 'C.UTF-8',
    })
  })
})
