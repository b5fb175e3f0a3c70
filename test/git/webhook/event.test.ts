import { expect } from 'chai'
import { concerns, readEvent, type WebhookEvent } from '../../../src/git/webhook/event.js'

describe('the event of a webhook', () => {
  const read = (headers: Record<string, string>, body: unknown): WebhookEvent =>
    readEvent(headers, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  const main = 'refs/heads/main'

  it('is a push, as each host tells it', () => {
    for (const [headers, body, refs] of [
      [
        { 'x-github-event': 'push' },
        { ref: main, after: 'a1', deleted: false, repository: { default_branch: 'main' } },
        [main],
      ],
      [{ 'x-gitea-event': 'push', 'x-github-event': 'push' }, { ref: main, repository: {} }, [main]],
      [{ 'x-gitlab-event': 'Push Hook' }, { ref: main, project: { default_branch: 'main' } }, [main]],
      [{ 'x-gitlab-event': 'Tag Push Hook' }, { ref: 'refs/tags/v1' }, ['refs/tags/v1']],
      [
        { 'x-event-key': 'repo:push' },
        {
          push: {
            changes: [{ new: { type: 'branch', name: 'main' } }, { new: null }, { new: { type: 'tag', name: 'v1' } }],
          },
        },
        [main, 'refs/tags/v1'],
      ],
      [
        { 'x-event-key': 'repo:refs_changed' },
        {
          changes: [
            { ref: { id: main }, type: 'UPDATE' },
            { ref: { id: 'refs/heads/old' }, type: 'DELETE' },
          ],
        },
        [main],
      ],
      [{ 'x-github-event': 'push' }, { ref: main, after: '0'.repeat(40), deleted: true }, []],
      [{}, { ref: main }, [main]],
      [{}, {}, null],
      [{}, '', null],
    ] as const)
      expect(read(headers, body), JSON.stringify(body)).to.deep.include({ kind: 'push', refs })
    const form = `payload=${encodeURIComponent(JSON.stringify({ ref: main }))}`
    const type = { 'content-type': 'application/x-www-form-urlencoded', 'x-github-event': 'push' }
    expect(read(type, form)).to.deep.include({ refs: [main] })
    expect(read(type, { ref: main })).to.deep.include({ refs: [main] })
  })

  it('is a ping, or none of our business, whatever its body', () => {
    expect(read({ 'x-github-event': 'ping' }, 'x').kind).to.equal('ping')
    expect(read({ 'x-event-key': 'diagnostics:ping' }, '{"test": true}').kind).to.equal('ping')
    expect(read({ 'x-github-event': 'issues' }, 'x')).to.deep.equal({ kind: 'other', name: 'issues' })
  })

  it('is refused where it is not what it says', () => {
    for (const [headers, body] of [
      [{ 'x-github-event': 'push' }, 'x'],
      [{ 'x-github-event': 'push' }, '{"ref": 1}'],
      [{ 'x-github-event': 'push' }, '[]'],
      [{ 'x-event-key': 'repo:push' }, '{"ref": "refs/heads/main"}'],
      [{}, 'x'],
    ] as const)
      expect(() => read(headers, body), body).to.throw(/the body is not/)
  })

  it('concerns what an app is kept from, and no other', () => {
    const push = (refs: string[] | null, defaultBranch: string | null = null) =>
      ({ kind: 'push', refs, defaultBranch }) as const
    const of = (ref: string | null) => ({ url: 'https://host/x', ref })
    for (const [ref, event, expected] of [
      ['main', push([main]), true],
      ['main', push(['refs/heads/other']), false],
      ['main', push([]), false],
      ['main', push(null), true],
      ['v1', push(['refs/tags/v1']), true],
      ['refs/tags/v1', push(['refs/tags/v1']), true],
      ['refs/tags/v1', push(['refs/heads/v1']), false],
      [null, push([main], 'main'), true],
      [null, push(['refs/heads/x'], 'main'), false],
      [null, push(['refs/heads/x']), true],
      [null, push(['refs/tags/x']), false],
      ['1'.repeat(40), push([main]), false],
    ] as const)
      expect(concerns(of(ref), event), `${String(ref)} ${JSON.stringify(event)}`).to.equal(expected)
  })
})
