import { expect } from 'chai'
import { creationOf, oneOffCreation } from '../../src/scheduler/creation.js'
import { firstRelease, type Release } from '../../src/store/releases.js'

const mebibyte = 1024 * 1024
const web = { quantity: 1, memory: 256 * mebibyte, cpus: 0.1 + 0.2 }

describe('what an engine is asked for', () => {
  const release: Release = {
    ...firstRelease('a'),
    version: 3,
    image: 'sha256:1',
    processTypes: { web: 'node .' },
    config: { GREETING: 'a=b\n$c', TERM: 'dumb' },
    formation: { web },
  }
  const app = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 3 }
  const owner = { instance: 'i', app, release }
  const slot = { process: 'web.1', type: 'web', spec: 's' }
  const init = { words: ['/.init'], host: { Binds: ['/x:/.init:ro'] }, archive: null }
  const start = { words: ['sh', '-c', 'node .'], init }

  it('runs the words under the init, whatever the image has of its own', () => {
    const { Entrypoint, Cmd, Image, HostConfig } = creationOf(owner, slot, start)
    expect({ Entrypoint, Cmd, Image }).to.deep.equal({
      Entrypoint: ['/.init', 'sh', '-c', 'node .'],
      Cmd: [],
      Image: 'sha256:1',
    })
    expect(HostConfig).to.deep.include({ Binds: ['/x:/.init:ro'] })
  })

  it('has a name of its own each time', () => {
    const names = new Set(Array.from({ length: 50 }, () => creationOf(owner, slot, start).name))
    expect(names.size).to.equal(50)
    for (const name of names) expect(name).to.match(/^berth-blog\.web\.1\.v3\.[0-9a-f]{6}$/)
  })

  it('is held within its size, in whole billionths of a processor, and cannot become more', () => {
    expect(creationOf(owner, slot, start).HostConfig).to.deep.include({
      Memory: 256 * mebibyte,
      MemorySwap: 256 * mebibyte,
      NanoCpus: 300_000_000,
      PidsLimit: 1024,
      SecurityOpt: ['no-new-privileges'],
      Annotations: { 'berth.userns': 'a' },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    })
    expect(creationOf(owner, { ...slot, type: 'constructor' }, start).HostConfig).to.deep.include({
      Memory: 512 * mebibyte,
    })
  })

  it('is found by its type and its name, on the app’s own network', () => {
    const { HostConfig, Healthcheck, NetworkingConfig, Env } = creationOf(owner, slot, start)
    expect(Healthcheck).to.deep.equal({ Test: ['NONE'] })
    expect(HostConfig).to.include({ NetworkMode: 'berth-a' })
    expect(NetworkingConfig).to.deep.equal({ EndpointsConfig: { 'berth-a': { Aliases: ['web', 'web.1'] } } })
    expect(Env).to.include.members(['GREETING=a=b\n$c', 'BERTH_PROCESS=web.1', 'BERTH_RELEASE=v3'])
  })

  describe('for a one-off', () => {
    const oneOff = { process: 'run.1234', tty: true, stdin: true, size: { columns: 80, rows: 24 } }
    const asked = (patch: object = {}) => oneOffCreation(owner, { ...oneOff, ...patch }, start)

    it('is a terminal of the size of the one before it', () => {
      const { Tty, OpenStdin, StdinOnce, HostConfig, Env } = asked()
      expect({ Tty, OpenStdin, StdinOnce }).to.deep.equal({ Tty: true, OpenStdin: true, StdinOnce: true })
      expect(HostConfig).to.deep.include({ ConsoleSize: [24, 80] })
      expect(Env?.filter((line) => line.startsWith('TERM=')).at(-1)).to.equal('TERM=xterm-256color')
    })

    it('has none where there is none, and reads nothing where it is given nothing', () => {
      const { HostConfig, ...without } = asked({ tty: false, stdin: false })
      expect(without).to.include({ Tty: false, OpenStdin: false, StdinOnce: false, AttachStdin: false })
      expect(HostConfig).to.not.have.property('ConsoleSize')
      expect(without.Env).to.include('TERM=dumb')
    })

    it('is not to be found by the other processes, and as large as web unless it has a size of its own', () => {
      expect(asked().NetworkingConfig).to.deep.equal({})
      expect(asked().HostConfig).to.deep.include({ Memory: 256 * mebibyte, NetworkMode: 'berth-a' })
      const formation = { ...release.formation, run: { quantity: 0, memory: mebibyte, cpus: 2 } }
      const own = oneOffCreation({ ...owner, release: { ...release, formation } }, oneOff, start)
      expect(own.HostConfig).to.deep.include({ Memory: mebibyte, MemorySwap: mebibyte, NanoCpus: 2e9 })
    })
  })
})
