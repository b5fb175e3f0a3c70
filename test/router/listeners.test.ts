import { expect } from 'chai'
import { app, router } from './parts.js'

describe('the ways in', () => {
  it('are told apart by the app: each has its scheme and its port', async () => {
    await using front = await router({
      listeners: [
        { scheme: 'http', port: 80 },
        { scheme: 'https', port: 443 },
      ],
    })
    await using echo = await app(({ headers }, response) =>
      response.end(`${String(headers['x-forwarded-proto'])} ${String(headers['x-forwarded-port'])}`),
    )
    front.route('blog', echo.target())
    const [plain, secure] = front.ports
    expect((await front.send('blog.test', { port: plain })).body).to.equal('http 80')
    expect((await front.send('blog.test', { port: secure })).body).to.equal('https 443')
  })
})
