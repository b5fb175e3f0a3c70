import { expect } from 'chai'
import { must } from '../run.js'
import { bring, place } from './checkout.js'
import { openImage } from './image.js'
import { type Machine, openMachine } from './machine.js'

/** An hour: what README's commands take at most on a machine that is emulated. */
const longMs = 3_600_000

/** Containers that differ in what is to become of them, and the ports they are published at. */
const containers = [
  { name: 'always', port: 8081, policy: 'always', runsAgain: true },
  { name: 'unless-stopped', port: 8082, policy: 'unless-stopped', runsAgain: true },
  { name: 'stopped', port: 8083, policy: 'unless-stopped', runsAgain: false },
  { name: 'plain', port: 8084, policy: 'no', runsAgain: false },
] as const

/** Notes that it was started, on the disk, and answers whoever connects with how often that was. */
const program = `echo started >>/kept/starts; sync /kept/starts
exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 80, Listen => 9, ReuseAddr => 1) or die;
while ($c = $s->accept) { while (<$c> =~ /\\S/) {} print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", \`grep -c started /kept/starts\`; close $c }'`

const step = (line: string): void => void process.stderr.write(`      ${line}\n`)

describe('a server that is set up as README says', function () {
  this.timeout(0) // how long it takes is the machine's; each command has a limit of its own
  this.bail(true) // each step is on what the one before it left
  const stop = new AbortController()
  let server: Machine
  before(async () => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(new Error(name)))
    const terms = { progress: step, signal: stop.signal }
    const image = await openImage('fresh', step, stop.signal)
    server = await openMachine({ image, ports: [80, ...containers.map(({ port }) => port)], ...terms })
    await server.boot()
    step('copying the checkout')
    await bring(server, false)
  })
  after(() => server[Symbol.asyncDispose]())

  /** What a client elsewhere is answered; asked again until something answers. */
  const ask = (port: number, host: string): Promise<string> =>
    must(
      'curl',
      [
        ...['-sS', '--fail', '--retry', '100', '--retry-delay', '2', '--retry-all-errors', '--max-time', '60'],
        ...['-H', `Host: ${host}`, `http://127.0.0.1:${String(server.ports.get(port))}/`],
      ],
      { timeoutMs: 600_000 },
    )
  const engine = async (method: string, path: string, body: unknown = {}): Promise<unknown> => {
    const socket = '--unix-socket /run/berth/engine.sock -H content-type:application/json'
    const text = JSON.stringify(body).replaceAll("'", "'\\''")
    const sent = method === 'POST' ? `-d '${text}'` : ''
    const answer = await server.must(`curl -sS --fail-with-body ${socket} -X ${method} ${sent} 'http://engine${path}'`)
    return answer === '' ? undefined : JSON.parse(answer)
  }
  const states = async (): Promise<Record<string, boolean>> => {
    const found = containers.map(async ({ name }) => {
      const { State } = (await engine('GET', `/containers/${name}/json`)) as { State: { Running: boolean } }
      return [name, State.Running] as const
    })
    return Object.fromEntries(await Promise.all(found))
  }
  const wanted = Object.fromEntries(containers.map(({ name, runsAgain }) => [name, runsAgain]))

  /** All that was there is there, after the `starts`th start of the machine. */
  const whole = async (starts: number): Promise<void> => {
    expect(await ask(80, 'hello-node.localhost')).to.equal('Hello from Berth')
    expect(await ask(80, 'blog.localhost')).to.include('<html')
    for (const { port, runsAgain } of containers) if (runsAgain) expect(await ask(port, 'any')).to.equal(String(starts))
    expect(await states()).to.deep.equal(wanted)
    await server.must(`${place}/bin/berth engine:check`) // ends with 1 unless all is well
    expect(await server.must('systemctl is-active berth.service')).to.equal('active')
    expect(await server.must('systemctl --failed --no-legend')).to.equal('')
  }

  it('installs what is missing, and serves the example that it pushes', async () => {
    step('bin/up')
    await server.must(`cd ${place} && bin/up --detach`, longMs)
    expect(await ask(80, 'hello-node.localhost')).to.equal('Hello from Berth')
  })

  it('serves an app that is pushed to it', async () => {
    await server.must(
      `cp -r ${place}/examples/hello-static ~/blog && cd ~/blog && git init -qb main && git add . &&
      git config user.name Ada && git config user.email ada@localhost && git commit -qm 'Say hello' &&
      ${place}/bin/berth apps:create blog && git push berth main`,
      longMs,
    )
    expect(await ask(80, 'blog.localhost')).to.include('<html')
  })

  it('runs containers, at published ports', async () => {
    for (const { name, port, policy } of containers) {
      await engine('POST', `/containers/create?name=${name}`, {
        Image: 'debian:bookworm-slim',
        Cmd: ['sh', '-c', program],
        HostConfig: {
          Binds: [`kept-${name}:/kept`],
          PortBindings: { '80/tcp': [{ HostPort: String(port) }] },
          RestartPolicy: { Name: policy },
        },
      })
      await engine('POST', `/containers/${name}/start`)
      expect(await ask(port, 'any')).to.equal('1')
    }
    await engine('POST', '/containers/stopped/stop')
  })

  it('has them all again after its power was cut, but what was stopped or has no restart policy', async () => {
    await server.cut()
    await server.boot()
    await whole(2)
  })

  it('has them all again after a shutdown, and goes on deploying', async () => {
    await server.off()
    await server.boot()
    await whole(3)
    await server.must(
      `cd ~/blog && echo '<p>changed' >>index.html && git commit -qam Change && git push berth main`,
      longMs,
    )
    expect(await ask(80, 'blog.localhost')).to.include('<p>changed')
  })
})
