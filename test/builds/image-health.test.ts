import { expect } from 'chai'
import { healthChecksIn } from '../../src/builds/image-health.js'
import type { ImageDetails } from '../../src/engine-client/images.js'
import { faultOf } from '../../src/store/checks.js'

const of = (config: object) => healthChecksIn({ Config: config } as ImageDetails)
const second = 1e9

describe('HEALTHCHECK of an image', () => {
  it('makes a startup and a liveness check, with Docker’s defaults', () => {
    const [startup, liveness, ...more] = of({ Healthcheck: { Test: ['CMD', 'check', '--deep'] } })
    const both = { command: ['check', '--deep'], name: 'HEALTHCHECK', file: 'Dockerfile' }
    expect(more).to.deep.equal([])
    expect(startup).to.deep.equal({ ...both, phase: 'startup', timeout: 10, wait: 2, attempts: 45 })
    expect(liveness).to.deep.equal({
      ...{ ...both, phase: 'liveness', timeout: 30, wait: 30, attempts: 3, initialDelay: 0 },
    })
  })

  it('has its times, within what a check may have', () => {
    const times = { Interval: 5 * second, Timeout: 0.5 * second, StartPeriod: 20 * second, Retries: 2 }
    const [startup, liveness] = of({ Healthcheck: { Test: ['CMD', 'x'], ...times } })
    expect(startup).to.include({ timeout: 1, wait: 2, attempts: 15 })
    expect(liveness).to.include({ timeout: 1, wait: 5, attempts: 2, initialDelay: 20 })
    const huge = { Interval: 3600 * second, Timeout: 3600 * second, StartPeriod: 3600 * second, Retries: 1e6 }
    for (const check of of({ Healthcheck: { Test: ['CMD', 'x'], ...huge } })) {
      expect(check.attempts).to.be.at.most(60)
      expect(check.timeout).to.be.at.most(60)
      expect(check.wait).to.be.at.most(60)
      if (check.phase === 'startup')
        expect(faultOf({ ...check, attempts: Math.min(check.attempts ?? 0, 45) })).to.equal(null)
    }
  })

  it('is a line of the image’s shell where it is written so', () => {
    const line = 'curl -f http://localhost:5000/ || exit 1'
    expect(of({ Healthcheck: { Test: ['CMD-SHELL', line] } })[0]?.command).to.deep.equal(['/bin/sh', '-c', line])
    expect(of({ Healthcheck: { Test: ['CMD-SHELL', line] }, Shell: ['/bin/bash', '-ec'] })[0]?.command).to.deep.equal([
      ...['/bin/bash', '-ec', line],
    ])
  })

  for (const health of [
    undefined,
    null,
    {},
    { Test: [] },
    { Test: ['NONE'] },
    { Test: ['CMD'] },
    { Test: ['WHAT', 'x'] },
  ])
    it(`is none where it is ${JSON.stringify(health)}`, () => {
      expect(of({ Healthcheck: health })).to.deep.equal([])
    })
})
