import { expect } from 'chai'
import { instance, type Instance } from '../instance.js'
import { patience, pushedExample } from './example.js'

describe('Workers that need half of Debian', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('have a browser, OpenCV, ffmpeg, libcurl and Node.js in one image', async function () {
    this.timeout(patience)
    const { app, said } = await pushedExample(berth, await berth.example('media-worker'))
    expect(said).to.include('Aptfile detected')
    const command = ['run', '-a', app, '--', 'node', 'worker.js', 'page.html']
    const { code, stdout, stderr } = await berth.berth(command, { timeoutMs: 300_000 })
    expect(code, stderr + stdout).to.equal(0)
    const { seconds, disc, bytes } = JSON.parse(stdout) as { seconds: number; disc: number[]; bytes: number }
    expect(seconds).to.equal(2)
    expect(disc).to.deep.equal([240, 140, 40])
    expect(bytes).to.be.greaterThan(1000)
  })
})
