import { expect } from 'chai'
import { tokenIn } from '../../src/router/challenge.js'
import { app, router } from './parts.js'

const at = (token: string): string => `/.well-known/acme-challenge/${token}`

describe('what a CA asks', () => {
  it('is answered before any app is, also where none runs', async () => {
    const asked: string[] = []
    await using front = await router({
      challenges: (token) => {
        asked.push(token)
        return Promise.resolve(token === 'ours' ? 'ours.thumbprint' : null)
      },
    })
    await using blog = await app((_request, response) => response.end('the app'))
    front.route('blog', blog.target())
    front.route('down')
    const ask = async (host: string, path: string, method = 'GET') => {
      const { status, body } = await front.send(host, { path, method })
      return [status, body]
    }
    expect(await ask('blog.test', at('ours'))).to.deep.equal([200, 'ours.thumbprint'])
    expect(await ask('down.test', at('ours'))).to.deep.equal([200, 'ours.thumbprint'])
    expect(await ask('blog.test', at('theirs')), 'an app may order its own').to.deep.equal([200, 'the app'])
    expect((await ask('down.test', at('theirs')))[0]).to.equal(503)
    expect((await ask('nobody.test', at('ours')))[0], 'whose hostname is nobody’s').to.equal(404)
    expect(await ask('blog.test', at('ours'), 'POST')).to.deep.equal([200, 'the app'])
    expect(await ask('blog.test', at('ours?x'))).to.deep.equal([200, 'the app'])
    expect(await ask('blog.test', at('..%2fours'))).to.deep.equal([200, 'the app'])
    expect(asked).to.deep.equal(['ours', 'ours', 'theirs', 'theirs'])
  })

  it('is the app’s business where the store cannot say', async () => {
    await using front = await router({ challenges: () => Promise.reject(new Error('Redis is away')) })
    await using blog = await app((_request, response) => response.end('the app'))
    front.route('blog', blog.target())
    expect((await front.send('blog.test', { path: at('ours') })).body).to.equal('the app')
  })

  it('is a token and nothing else', () => {
    const token = (path: string) => tokenIn({ method: 'GET' }, path)
    expect(token(at('aB_-9'))).to.equal('aB_-9')
    const none = [at(''), at('a/b'), at('a.b'), at('x'.repeat(201)), '/.well-known/acme-challenge', `/x${at('a')}`]
    expect(none.map(token)).to.deep.equal(none.map(() => null))
  })
})
