import { expect } from 'chai'
import type { RefCommand } from '../../src/git/commands.js'
import { landsOn, policyOn } from '../../src/git/policy.js'
import type { App } from '../../src/store/apps.js'

const app: App = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 }
const zero = '0'.repeat(40)
const commit = '1'.repeat(40)
const pushed = (ref: string): RefCommand => ({ ref, old: zero, new: commit })
const deleted = (ref: string): RefCommand => ({ ref, old: commit, new: zero })

/** The ref that deploys, and why the others do not. */
const judged = (of: App, ...commands: RefCommand[]): [string | null, string[]] => {
  const { deploys, refused } = policyOn(of, commands)
  return [deploys?.ref ?? null, refused.map(({ reason }) => reason ?? '')]
}

describe('the refs of a push', () => {
  it('deploy when they are main or master, and the app has no branch of its own', () => {
    expect(judged(app, pushed('refs/heads/main'))).to.deep.equal(['refs/heads/main', []])
    expect(judged(app, pushed('refs/heads/master'))).to.deep.equal(['refs/heads/master', []])
  })

  it('deploy once: the other of two says so', () =>
    expect(judged(app, pushed('refs/heads/master'), pushed('refs/heads/main'))).to.deep.equal([
      'refs/heads/master',
      ['main is deployed by the same push'],
    ]))

  it('deploy when they are the branch that the app has chosen, and no other is', () => {
    const chosen = { ...app, deployBranch: 'release/1' }
    expect(judged(chosen, pushed('refs/heads/release/1'))[0]).to.equal('refs/heads/release/1')
    expect(judged(chosen, pushed('refs/heads/main'))).to.deep.equal([
      null,
      ['this app deploys release/1; deploy this branch with git push berth main:release/1'],
    ])
  })

  it('are refused with what to type instead', () => {
    expect(judged(app, pushed('refs/heads/topic'))[1]).to.deep.equal([
      'this app deploys main or master; deploy this branch with git push berth topic:main',
    ])
    expect(judged(app, pushed('refs/tags/v1'))[1]).to.deep.equal([
      "tags are not taken; deploy it with git push berth 'v1^{}:main'",
    ])
    expect(judged(app, pushed('refs/notes/commits'))[1]).to.deep.equal([
      'only branches are taken; this app deploys main or master',
    ])
  })

  it('are not deleted', () => {
    expect(judged(app, deleted('refs/heads/main'))).to.deep.equal([
      null,
      ['the deploy branch cannot be deleted; berth apps:destroy removes the app'],
    ])
    expect(judged(app, deleted('refs/heads/topic'))[1]).to.deep.equal([
      'there is no branch to delete but main or master',
    ])
  })

  it('are judged each by itself, and none is left without an answer', () => {
    const [deploys, reasons] = judged(app, pushed('refs/tags/v1'), pushed('refs/heads/main'), pushed('refs/heads/x'))
    expect(deploys).to.equal('refs/heads/main')
    expect(reasons).to.have.length(2)
    expect(judged(app)).to.deep.equal([null, []])
  })

  it('with names like those of branches, but elsewhere, do not deploy', () => {
    for (const ref of [
      'refs/heads/refs/heads/main',
      'refs/remotes/main',
      'main',
      'refs/heads/main2',
      'refs/heads/Main',
    ])
      expect(judged(app, pushed(ref))[0], ref).to.equal(null)
  })

  it('deploy the branch that the pusher names, in place of the one that the app has', () => {
    const of = { ...app, deployBranch: 'live' }
    const { deploys, refused } = policyOn(of, [pushed('refs/heads/x'), pushed('refs/heads/live')], 'x')
    expect(deploys?.ref).to.equal('refs/heads/x')
    expect(refused.map(({ ref }) => ref)).to.deep.equal(['refs/heads/live'])
    for (const commands of [[pushed('refs/heads/live')], [deleted('refs/heads/x')], [pushed('refs/tags/x')]])
      expect(() => policyOn(of, commands, 'x')).to.throw('names x, which is not pushed')
    expect(landsOn(of, 'ref: refs/heads/main')).to.equal('live')
    expect([landsOn(app, ''), landsOn(app, 'ref: refs/heads/master')]).to.deep.equal(['main', 'master'])
  })
})
