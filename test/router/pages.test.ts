import { expect } from 'chai'
import { answerTo } from '../../src/router/pages.js'
import { router } from './parts.js'

const hostile = { app: '<script>alert("1")</script>', host: "a'b&c", id: '"><img src=x>' }

describe('an error page', () => {
  it('is HTML for a browser, with everything escaped', () => {
    const { body, headers } = answerTo('not-running', hostile, 'text/html,application/xhtml+xml,*/*;q=0.8')
    expect(headers['content-type']).to.equal('text/html; charset=utf-8')
    expect(body).to.include('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; is not running right now')
    expect(body).not.to.match(/<script|<img/)
  })

  it('is JSON for a program that asks for it', () => {
    const { body, headers } = answerTo('hung-up', { app: 'blog', id: 'r1' }, 'application/json')
    expect(headers['content-type']).to.equal('application/json; charset=utf-8')
    expect(JSON.parse(body)).to.include({ error: 'hung-up', message: 'blog hung up', request: 'r1' })
  })

  it('is plain text for curl', () => {
    const { body, headers, status } = answerTo('unknown-host', { host: 'nope.test' }, '*/*')
    expect([status, headers['content-type']]).to.deep.equal([404, 'text/plain; charset=utf-8'])
    expect(body).to.match(/^There is no app at nope\.test\n/)
  })

  it('says its length in bytes', () => {
    const { body, headers } = answerTo('unknown-host', { host: 'blög.test' })
    expect(Number(headers['content-length'])).to.equal(Buffer.byteLength(body)).and.to.be.greaterThan(body.length)
  })

  for (const [away, words] of [
    ['not-pushed', /^Nothing has been pushed to blog yet\n(.*\n)*.*git push berth main/],
    ['no-web', /^blog has no web process\n/],
    ['scaled-to-zero', /^blog is scaled to 0\n(.*\n)*.*berth ps:scale web=1 -a blog/],
    ['not-ready', /^blog is not ready right now\n(.*\n)*.*berth checks:run -a blog/],
    ['needs-push', /^blog needs a new push\n(.*\n)*.*git push berth main/],
  ] as const)
    it(`says that an app is ${away}, and what its owner can do`, async () => {
      await using front = await router()
      front.table.apply({ app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [], away, version: 1 })
      const { status, headers, body } = await front.send('blog.test')
      expect([status, headers['x-berth-error']]).to.deep.equal([503, away])
      expect(body).to.match(words)
    })

  it('says when to come back if the app is not running, and is never cached', () => {
    const { status, headers } = answerTo('not-running', { app: 'blog' })
    expect(status).to.equal(503)
    expect(headers).to.include({ 'retry-after': '5', 'cache-control': 'no-store', 'x-berth-error': 'not-running' })
  })
})
