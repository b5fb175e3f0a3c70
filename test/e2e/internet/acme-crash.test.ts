import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { certifierRig, type CertifierRig } from '../../certificates/rig.js'
import { typescript } from '../../run.js'

const script = fileURLToPath(new URL('certifier-worker.ts', import.meta.url))

describe('a worker that is killed while it orders a certificate', function () {
  this.timeout(120_000)
  let rig: CertifierRig
  before(async () => {
    rig = await certifierRig({ refuses: 20 })
    await writeFile(join(rig.config.root, 'ca.pem'), rig.pebble.ca)
  })
  after(() => rig[Symbol.asyncDispose]())

  const launch = (): ChildProcess => {
    const { config, pebble } = rig
    const args = [typescript, script, join(config.root, 'ca.pem'), pebble.directory]
    return spawn(process.execPath, args, { env: { ...process.env, ...config.env }, stdio: 'inherit' })
  }
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  }
  /** Kills a worker as soon as the CA has logged that. */
  const killAt = async (what: string): Promise<void> => {
    const { lines } = rig.pebble
    const child = launch()
    for (;;) {
      const [line] = (await once(lines, 'line')) as [string]
      if (line.includes(what)) break
    }
    await end(child)
  }

  // as pebble's log names what it is asked for
  for (const step of ['/sign-me-up', '/order-plz', '/authZ/', '/chalZ/', '/finalize-order/', '/certZ/'])
    it(`leaves one certificate, when it was at ${step}`, async () => {
      const { store, pebble } = rig
      const host = `${step.replace(/[^a-z]/gi, '').toLowerCase()}.example.org`
      const issued = pebble.issued()
      const app = await rig.app(`a${host.split('.', 1)[0] ?? ''}`, host)
      await killAt(step)
      const child = launch()
      const job = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
      await end(child)
      expect(pebble.issued() - issued).to.equal(1)
      expect(job.failures).to.equal(0)
      expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal([host])
      expect(await store.redis.hlen('acme:accounts'), 'one account').to.equal(1)
      expect((await store.certificates.list()).filter((one) => one.app === app.id)).to.have.length(1)
      await store.apps.update(app.id, { autoCerts: false })
    })
})
