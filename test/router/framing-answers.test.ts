import { expect } from 'chai'
import { answerCases, type AnswerCase } from './framing-answers.js'
import { setFraming } from './framing-rig.js'
import { statusOf, talk, type Pace } from './framing-talk.js'
import { echo } from './framing-wire.js'

const request = (path: string, method = 'GET', version = '1.1') =>
  `${method} ${path} HTTP/${version}\r\nhost: blog.test\r\n\r\n`

describe('where an answer ends', () => {
  const rig = setFraming()

  /** The app answers `/case` with these bytes, and everything else in order. */
  const answering = ({ bytes, closes }: AnswerCase, pace: Pace) => {
    rig.app.reply = (asked, socket) => {
      if (!asked.start.includes(' /case ')) {
        echo(asked, socket)
        return
      }
      const pieces = pace === 'byte by byte' ? bytes.split('') : [bytes]
      const next = () => {
        const piece = pieces.shift()
        if (piece === undefined || socket.destroyed) {
          if (closes === true) socket.end()
          return
        }
        socket.write(piece, 'latin1')
        setImmediate(next)
      }
      next()
    }
  }

  for (const [name, one] of answerCases)
    for (const version of ['1.1', '1.0'])
      it(`${name}, to HTTP/${version}: ${typeof one.want === 'object' ? 'carried' : one.want}`, async () => {
        const { method = 'GET', want, bytes } = one
        for (const pace of bytes.length > 1000 || version === '1.0'
          ? (['whole'] as const)
          : (['whole', 'byte by byte'] as const)) {
          answering(one, pace)
          await talk(rig.to, request('/warm'), { methods: ['GET'] })
          const two = request('/case', method, version) + request('/canary')
          const talked = talk(rig.to, two, { methods: [method, 'GET'] })
          if (want === 'cut') {
            const { answers, rest } = await talked
            // without chunks, HTTP/1.0 cannot tell an end from a cut
            if (version === '1.1' || bytes.includes('length: 10')) expect(answers).to.deep.equal([])
            expect(rest + (answers[0]?.body ?? '')).not.to.match(/canary/)
          } else {
            const { answers, rest, closed } = await talked
            expect(rest).to.equal('')
            const [status, body] = want === 502 ? [502, undefined] : [want.status ?? 200, want.body]
            expect(answers[0] && statusOf(answers[0])).to.equal(status)
            if (body !== undefined) expect(answers[0]?.body).to.equal(body)
            if (version === '1.0') expect([answers.length, closed]).to.deep.equal([1, true])
            else
              expect(answers.slice(1).map((canary) => JSON.parse(canary.body) as unknown)).to.deep.equal([
                { method: 'GET', path: '/canary', body: '' },
              ])
          }
          await rig.bystanders()
        }
      })
})
