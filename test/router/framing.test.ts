import { expect } from 'chai'
import { brokenBodies, requestCases } from './framing-cases.js'
import { setFraming } from './framing-rig.js'
import { canary, check, methodOf, statusOf, talk, type Pace } from './framing-talk.js'

/** One byte a packet takes its time: of the longest heads once whole is enough. */
const pacesOf = (bytes: string): Pace[] => (bytes.length > 1500 ? ['whole'] : ['whole', 'byte by byte'])

describe('where a request ends', () => {
  const rig = setFraming()

  for (const [name, one] of requestCases)
    it(`${name}: ${typeof one.want === 'number' ? one.want : 'carried'}`, async () => {
      for (const pace of pacesOf(one.bytes)) {
        rig.app.seen.length = 0
        const answers = await check(rig.to, one, pace)
        const seen = rig.app.seen.map(({ start, body }) => [start.split(' ')[1], body])
        if (typeof one.want === 'number') expect(seen).to.deep.equal([])
        else {
          const { body, last } = one.want
          expect(seen).to.deep.equal([['/case', body], ...(last === true ? [] : [['/canary', '']])])
          const method = methodOf(one.bytes)
          expect(answers[0]?.body).to.equal(
            method === 'HEAD' ? '' : JSON.stringify({ method, path: '/case', body: one.want.body }),
          )
        }
        await rig.bystanders()
      }
    })

  for (const [name, bytes] of Object.entries(brokenBodies))
    it(`${name}: never a second request`, async () => {
      for (const pace of pacesOf(bytes)) {
        const { answers } = await talk(rig.to, bytes + canary, { methods: ['POST', 'GET'], pace })
        expect(answers.map(statusOf)).to.deep.equal([400])
        expect(rig.app.seen.map(({ start }) => start)).to.deep.equal([])
        await rig.bystanders()
        rig.app.seen.length = 0
      }
    })
})
