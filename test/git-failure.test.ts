import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { gitFailure } from '../src/git-failure.js'
import { freePort } from './free.js'

describe('a git command that fails', () => {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null' }
  const failedAt = (elsewhere: string | undefined, ...args: string[]): string => {
    const { status, stderr } = spawnSync('git', args, { env, encoding: 'utf8', cwd: '/' })
    expect(status).not.to.equal(0)
    const { message, hint } = gitFailure(args, status, stderr, elsewhere)
    return `${message}\n${hint ?? ''}`
  }
  const failed = (...args: string[]): string => failedAt(undefined, ...args)

  it('says which name does not resolve', () => {
    const said = failed('-c', 'http.proxy=', '-c', 'push.default=current', 'ls-remote', 'http://nowhere.invalid/x.git')
    expect(said).to.match(/^the name nowhere\.invalid does not resolve[\s\S]*127\.0\.0\.1 nowhere\.invalid$/)
  })

  it('says which proxy does not resolve', () => {
    const said = failed('-c', 'http.proxy=http://proxy.invalid:3128', 'ls-remote', 'http://x.localhost/x.git')
    expect(said).to.match(/^the proxy proxy\.invalid, which the environment names, does not resolve/)
  })

  it('says where nothing answers', async () => {
    const port = String(await freePort())
    expect(failed('-c', 'http.proxy=', 'ls-remote', `http://127.0.0.1:${port}/x.git`)).to.match(
      new RegExp(`^nothing answers at 127\\.0\\.0\\.1, port ${port}`),
    )
  })

  it('says what else git said, under the name of its command', () => {
    expect(failed('-c', 'core.bare=false', 'cat-file', '-t', 'nothing')).to.match(
      /^git cat-file failed: not a git repository/,
    )
    expect(gitFailure(['-c', 'a=b', 'push'], 128, '').message).to.equal(
      'git push failed: it ended with 128 and said nothing',
    )
  })

  it('says of a repository elsewhere why that one was not fetched, and nothing of Berth', async () => {
    const port = String(await freePort())
    for (const [url, words] of [
      [
        `http://127.0.0.1:${port}/x.git`,
        new RegExp(`^nothing answers at 127\\.0\\.0\\.1, port ${port}\\nlook at the URL`),
      ],
      ['http://nowhere.invalid/x.git', /^the name nowhere\.invalid does not resolve on this machine\nlook at the URL/],
      ['/nowhere/x.git', /^there is no repository at \/nowhere\/x\.git, or it is not for you/],
    ] as const) {
      const said = failedAt(url, '-c', 'http.proxy=', 'ls-remote', url)
      expect(said)
        .to.match(words)
        .and.not.match(/Berth|token|127\.0\.0\.1 nowhere/)
    }
    const says = (stderr: string): string => gitFailure(['fetch'], 128, stderr, 'URL').message
    const after =
      'fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n'
    for (const [stderr, words] of [
      [
        "fatal: could not read Username for 'https://x': terminal prompts disabled\n",
        /^URL wants a user and a password/,
      ],
      [`git@x: Permission denied (publickey).\n${after}`, /^URL refuses the SSH keys of this machine/],
      [`Host key verification failed.\n${after}`, /^the host of URL is not known to ssh here/],
      [`ssh: connect to host x port 22: Connection refused\n${after}`, /^nothing answers at URL$/],
      [`ERROR: Repository not found.\n${after}`, /^there is no repository at URL/],
      ["fatal: couldn't find remote ref gone\n", /^URL has no branch and no tag gone$/],
      [`kex_exchange_identification: read: Connection reset by peer\n${after}`, /^git fetch failed: kex_exchange/],
    ] as const)
      expect(says(stderr)).to.match(words)
  })

  it('says that the token was not taken, and that git is not there', () => {
    const words = "fatal: Authentication failed for 'http://berth.localhost/x.git/'\n"
    expect(gitFailure(['push'], 128, words).message).to.include('token')
    expect(gitFailure(['push'], 'ENOENT', '').message).to.equal('git is not installed here')
  })
})
