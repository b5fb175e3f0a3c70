import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { webhook } from '../../plugins/notify-webhook/index.js'
import { createLog } from '../../src/log.js'
import type { Notice, NotifierPlugin } from '../../src/plugins/kinds/notifier.js'
import { Notifiers } from '../../src/plugins/notifiers.js'
import { signatureOf } from '../../src/plugins/signed.js'

const failed = (subject: string, title = 'it failed'): Omit<Notice, 'at'> => ({
  ...{ event: 'change.failed', level: 'error', subject, title, text: 'why', url: null },
})

describe('those who tell what happens', () => {
  let lines: string[]
  const opened: Notifiers[] = []
  beforeEach(() => (lines = []))
  afterEach(async () => {
    for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
  })

  /** With plugins that do that. */
  function notifiersOf(...notify: NotifierPlugin['notify'][]): Notifiers {
    const running = notify.map((one, at) => ({ name: `n${at}`, instance: { notify: one } }))
    const plugins = { running: () => Promise.resolve(running as never) }
    const log = createLog('test', { level: 'info', write: (line) => void lines.push(line) })
    const made = new Notifiers({ plugins, log, patience: 200, gaps: [1, 1] })
    opened.push(made)
    return made
  }

  it('hear of everything, each of them, with the time', async () => {
    const heard: Notice[] = []
    const hear = (notice: Notice): Promise<void> => Promise.resolve(void heard.push(notice))
    const notifiers = notifiersOf(hear, hear)
    notifiers.tell(failed('blog'))
    await notifiers.settled()
    expect(heard.map(({ subject, title }) => [subject, title])).to.deep.equal(Array(2).fill(['blog', 'it failed']))
    expect(Date.parse(heard[0]?.at ?? '')).to.be.within(Date.now() - 5000, Date.now())
  })

  it('hear of the same failure once, until it is over, and of another at once', async () => {
    const heard: string[] = []
    const notifiers = notifiersOf(({ subject, title }) => Promise.resolve(void heard.push(`${subject} ${title}`)))
    for (let time = 0; time < 10_000; time += 1) notifiers.tell(failed('blog'))
    notifiers.tell(failed('blog', 'another'))
    notifiers.tell(failed('shop'))
    await notifiers.settled()
    expect(heard).to.deep.equal(['blog it failed', 'blog another', 'shop it failed'])
    notifiers.recovered('blog')
    notifiers.tell(failed('blog'))
    notifiers.tell(failed('shop'))
    await notifiers.settled()
    expect(heard.slice(3)).to.deep.equal(['blog it failed'])
  })

  it('are asked again when they fail, and keep none of the others waiting', async () => {
    let times = 0
    const heard: string[] = []
    const notifiers = notifiersOf(
      () => (++times < 3 ? Promise.reject(new Error('away')) : Promise.resolve()),
      () => {
        throw new Error('always')
      },
      () => new Promise(() => undefined),
      ({ title }) => Promise.resolve(void heard.push(title)),
    )
    notifiers.tell(failed('blog'))
    await notifiers.settled()
    expect(times).to.equal(3)
    expect(heard).to.deep.equal(['it failed'])
    const told = lines.join('')
    expect(told).to.match(/"plugin":"n1".*always/)
    expect(told).to.match(/"plugin":"n2"/)
    expect(told).to.not.match(/"plugin":"n0"/)
  })

  it('never wait in thousands, and hold up no end', async () => {
    let asked = 0
    const notifiers = notifiersOf(() => {
      asked += 1
      return new Promise(() => undefined)
    })
    for (let app = 0; app < 5000; app += 1) notifiers.tell(failed(`app-${app}`))
    expect(lines.filter((line) => line.includes('too much is to be told'))).to.have.length(4800)
    await notifiers[Symbol.asyncDispose]()
    expect(asked).to.be.at.most(200)
  })

  it('by webhook post what is signed, to who answers well', async () => {
    const secret = 'sixteen letters!'
    const posts: Notice[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const { 'berth-time': time = '', 'berth-signature': signature } = request.headers
        const good = signature === `sha256=${signatureOf(body, String(time), secret)}`
        if (good) posts.push(JSON.parse(body) as Notice)
        response.writeHead(good ? 204 : 403).end()
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    try {
      const [right, wrong] = [secret, 'another secret!!'].map((one) => webhook({ url, secret: one, events: [] }))
      const few = webhook({ url, secret, events: ['deploy.succeeded'] })
      const notifiers = notifiersOf(
        ...[right, wrong, few].map(
          (one) => (notice: Notice, signal: AbortSignal) =>
            one?.notify(notice, signal) ?? Promise.reject(new Error('none')),
        ),
      )
      notifiers.tell(failed('blog'))
      await notifiers.settled()
      expect(posts.map(({ subject, event }) => [subject, event])).to.deep.equal([['blog', 'change.failed']])
      expect(lines.join('')).to.match(/"plugin":"n1".*the webhook answers 403/)
    } finally {
      server.close().closeAllConnections()
    }
  })
})
