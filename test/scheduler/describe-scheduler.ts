import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { BerthError } from '../../src/errors.js'
import type { LogLine, LogQuery, OneOffSpec, Process, Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { Release } from '../../src/store/releases.js'
import type { Store } from '../../src/store/store.js'

/** An answer to a request. */
export interface Reply {
  readonly status: number
  readonly body: string
}

/** A scheduler to be tried, started, with a store and a router. */
export interface SchedulerGround extends AsyncDisposable {
  readonly scheduler: Scheduler
  readonly store: Store
  /** What the platform logged, for a test that fails. */
  readonly lines: string[]
  /** An app with an empty release, its first. */
  app(name: string): Promise<App>
  /**
   * Writes the next release: the last one with a patch. Its image has a shell and perl, its `web` is `perl -e "$CODE"`, and
   * its config is `{ CODE: perlServer, WORD: 'hello' }`, unless the patch says otherwise.
   */
  release(app: App, patch: Partial<Release>): Promise<Release>
  /** Rolls out and, when it worked, makes it current, as the worker does. Answers with what was logged. */
  deploy(scheduler: Scheduler, app: App, release: Release): Promise<string[]>
  /** Asks the router for a page of an app. */
  get(app: App, path?: string): Promise<Reply>
}

/** A web server for `perl -e "$CODE"`: it answers `web.1 v2 hello`. `ACT` says how it misbehaves. */
export const perlServer = `
use IO::Socket::INET; $| = 1; my $act = $ENV{ACT} // '';
my $done = 0; $SIG{TERM} = sub { print "bye\\n"; exit 0 }; $SIG{USR1} = sub { exit 9 };
print "starting $ENV{BERTH_PROCESS} of $ENV{BERTH_RELEASE}\\n";
if ($act eq 'crash') { print "line $_\\n" for 1..30; exit 3 }
if ($act eq 'hang') { sleep 600 }
if ($act eq 'hog') { my $n = 200_000_000; my $x = 'x' x $n; sleep 600 }
my $s = IO::Socket::INET->new(Listen => 128, ReuseAddr => 1, LocalAddr => $act eq 'loopback' ? '127.0.0.1' : '0.0.0.0',
  LocalPort => $act eq 'port' ? 3000 : $ENV{PORT}) or die "cannot listen: $!";
$SIG{CHLD} = 'IGNORE';
while (my $c = $s->accept or 1) {
  next unless $c; my $pid = fork; if ($pid) { close $c; next }
  $SIG{TERM} = 'IGNORE';
  my $line = <$c>; while (my $h = <$c>) { last if $h =~ /^\\r?\\n/ }
  exit 0 unless $line;
  if ($line =~ m{/die}) { kill 'USR1', getppid; exit 0 }
  sleep $1 if $line =~ m{/slow/(\\d+)};
  my $b = "$ENV{BERTH_PROCESS} $ENV{BERTH_RELEASE} $ENV{WORD}"; if ($act eq '500') { $b = 'oh no'; print STDERR "no table\\n" }
  print $c "HTTP/1.1 " . ($act eq '500' ? '500 Broken' : '200 OK') . "\\r\\nContent-Length: " . length($b) . "\\r\\nConnection: close\\r\\n\\r\\n$b";
  close $c; exit 0;
}`

/** Polls until `look` answers with something. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  ms = 30_000,
): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const seen = await look()
    if (seen !== null && seen !== undefined && seen !== false) return seen
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`)
    await sleep(50)
  }
}

const size = { memory: 256 * 1024 * 1024, cpus: 1 }
const never = new AbortController().signal
const quiet = { log: () => undefined, signal: never }

/** What every scheduler does, whatever it runs processes on; by nothing but the interface, the store and the router. */
export function describeScheduler(name: string, open: () => Promise<SchedulerGround>): void {
  describe(name, () => {
    let ground: SchedulerGround
    let scheduler: Scheduler
    before(async function () {
      this.timeout(300_000)
      ground = await open()
      scheduler = ground.scheduler
    })
    after(() => ground[Symbol.asyncDispose]())
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') console.error(ground.lines.splice(0).join(''))
      for (const app of await ground.store.apps.list()) {
        await scheduler.remove(app)
        await ground.store.apps.remove(app.id)
      }
    })

    /** An app with one release (v2) on the air. */
    const deployed = async (name: string, patch: Partial<Release> = {}): Promise<App> => {
      const app = await ground.app(name)
      await ground.deploy(scheduler, app, await ground.release(app, patch))
      return ground.store.apps.get(name)
    }
    const deploy = async (app: App, patch: Partial<Release>): Promise<string[]> =>
      ground.deploy(scheduler, app, await ground.release(app, patch))
    const releaseOf = async (app: App): Promise<Release> => {
      const { current } = await ground.store.apps.get(app.name)
      return ground.store.releases.get(app.id, current)
    }
    const wordsOf = ({ name, state, release }: Process): string => `${name} ${state} v${release}`
    const processes = async (app: App): Promise<Process[]> => scheduler.processes(await ground.store.apps.get(app.name))
    const states = async (app: App): Promise<string> => (await processes(app)).map(wordsOf).join()
    /** Waits until these are the processes, and no others. */
    const settled = (app: App, ...wanted: readonly string[]): Promise<true> =>
      until(wanted.join(), async () => (await states(app)) === wanted.join())
    /** Process name -> what runs it. */
    const containers = async (app: App): Promise<Map<string, string | null>> =>
      new Map((await processes(app)).map(({ name, container }) => [name, container]))
    const logs = async (app: App, query: Partial<LogQuery>): Promise<LogLine[]> => {
      const lines: LogLine[] = []
      const all = { lines: 100, process: null, follow: false, signal: never }
      for await (const line of scheduler.logs(app, { ...all, ...query })) lines.push(line)
      return lines
    }

    it('replaces a release under load without losing a request', async () => {
      const app = await deployed('busy')
      let asking = true
      const bad: unknown[] = []
      const words = new Set<string>()
      const client = async () => {
        while (asking) {
          const reply = await ground.get(app).catch((error: unknown) => ({ status: 0, body: String(error) }))
          if (reply.status !== 200) bad.push(reply)
          else words.add(reply.body)
          await sleep(10)
        }
      }
      const clients = Promise.all(Array.from({ length: 5 }, client))
      try {
        await deploy(app, { config: { CODE: perlServer, WORD: 'again' } })
        expect(await scheduler.isRolledOut(app, 3)).to.equal(true)
        await settled(app, 'web.1 up v3')
      } finally {
        asking = false
        await clients
      }
      expect(bad).to.deep.equal([])
      expect([...words]).to.include.members(['web.1 v2 hello', 'web.1 v3 again'])
      expect(await ground.get(app)).to.deep.equal({ status: 200, body: 'web.1 v3 again' })
    })

    it('says why a release does not come up, and lets the old one serve on', async () => {
      const app = await deployed('sick')
      const error = await deploy(app, { config: { CODE: perlServer, ACT: 'crash' } }).then(
        () => null,
        (thrown: unknown) => thrown as BerthError & { told: string[] },
      )
      expect(error).to.include({ fault: 'invalid', message: 'web.1 crashed: exited with code 3' })
      expect(error?.told.join('\n')).to.contain('line 30')
      expect(await scheduler.isRolledOut(app, 3)).to.equal(false)
      expect(await ground.get(app)).to.deep.equal({ status: 200, body: 'web.1 v2 hello' })
      await settled(app, 'web.1 up v2')
    })

    it('scales up and down, leaving alone what need not change', async () => {
      const app = await deployed('scaled')
      const before = await containers(app)
      const { config } = await releaseOf(app)
      const scaledTo = (quantity: number) =>
        deploy(app, { config, formation: { web: { ...size, memory: 512 * 1024 * 1024, quantity } } })
      await scaledTo(3)
      const after = await containers(app)
      expect([...after.keys()]).to.deep.equal(['web.1', 'web.2', 'web.3'])
      expect(after.get('web.1')).to.equal(before.get('web.1'))
      const seen = new Set<string>()
      for (let i = 0; i < 9; i++) seen.add((await ground.get(app)).body.split(' ')[0] ?? '')
      expect([...seen].sort()).to.deep.equal(['web.1', 'web.2', 'web.3'])

      await scaledTo(1)
      await until('one process', async () => (await processes(app)).length === 1)
      expect((await containers(app)).get('web.1')).to.equal(before.get('web.1'))
      expect((await ground.get(app)).status).to.equal(200)
    })

    it('scales to nothing and back', async () => {
      const app = await deployed('naught')
      const { config } = await releaseOf(app)
      await deploy(app, { config, formation: { web: { quantity: 0, ...size } } })
      expect((await ground.get(app)).status).to.equal(503)
      await settled(app)
      await deploy(app, { config, formation: { web: { quantity: 1, ...size } } })
      expect((await ground.get(app)).status).to.equal(200)
    })

    it('restarts what crashes', async () => {
      const app = await deployed('crashy')
      // an engine that tells late of an end leaves nothing to be seen of a short pause: the pause doubles
      for (let crash = 1, seen = false; !seen; crash++) {
        await ground.get(app, '/die').catch(() => undefined)
        const one = await until('the crash', async () =>
          (await processes(app)).find(({ restarts }) => restarts === crash),
        )
        expect(one).to.include({ name: 'web.1', release: 2 })
        seen = one.state === 'crashed'
        if (seen) expect(one.failure).to.match(/exited with code 9/)
        await until('it to be back', async () => (await ground.get(app)).status === 200)
        await settled(app, 'web.1 up v2')
      }
    })

    it('restarts one process or all of them', async () => {
      const app = await deployed('again', { formation: { web: { quantity: 2, ...size } } })
      const release = await releaseOf(app)
      const before = await containers(app)
      await scheduler.restart(app, release, 'web.2', quiet)
      await settled(app, 'web.1 up v2', 'web.2 up v2')
      const after = await containers(app)
      expect(after.get('web.1')).to.equal(before.get('web.1'))
      expect(after.get('web.2')).not.to.equal(before.get('web.2'))
      await scheduler.restart(app, release, null, quiet)
      await settled(app, 'web.1 up v2', 'web.2 up v2')
      expect([...(await containers(app)).values()]).not.to.include.oneOf([...after.values()])
      const error = await scheduler.restart(app, release, 'web.9', quiet).catch((e: unknown) => e)
      expect(error).to.have.property('fault', 'missing')
    })

    it('has a canary beside an app until that is over, and restarts it by itself or with the rest', async () => {
      const app = await deployed('tries')
      const { config } = await releaseOf(app)
      const before = await containers(app)
      const its = await ground.release(app, { config: { ...config, WORD: 'canary' } })
      await scheduler.startCanary(app, its, { release: its.version, since: 'a', percent: 50 }, quiet)
      const now = () => ground.store.apps.get(app.name)
      await settled(app, 'web.1 up v2', 'web.c1 up v3')
      expect(await scheduler.isRolledOut(app, 2)).to.equal(true)
      const route = await ground.store.routes.get(app.id)
      expect(route?.targets.map(({ process, canary }) => [process, canary])).to.deep.equal([
        ['web.1', undefined],
        ['web.c1', true],
      ])
      const first = await containers(app)
      await scheduler.restart(await now(), await releaseOf(app), 'web.c1', quiet)
      await settled(app, 'web.1 up v2', 'web.c1 up v3')
      const second = await containers(app)
      expect(second.get('web.1')).to.equal(before.get('web.1'))
      expect(second.get('web.c1')).not.to.equal(first.get('web.c1'))
      await scheduler.restart(await now(), await releaseOf(app), null, quiet)
      await settled(app, 'web.1 up v2', 'web.c1 up v3')
      expect([...(await containers(app)).values()]).not.to.include.oneOf([...second.values()])
      const none = await scheduler.restart(await now(), await releaseOf(app), 'web.c9', quiet).catch((e: unknown) => e)
      expect(none).to.have.property('fault', 'missing')
      const sick = await ground.release(app, { config: { ...config, ACT: 'crash' } })
      const error = await scheduler
        .startCanary(await now(), sick, { release: sick.version, since: 'b', percent: 50 }, quiet)
        .catch((thrown: unknown) => thrown)
      expect(error).to.have.property('message', 'web.c1 crashed: exited with code 3')
      expect((await now()).canary).to.include({ release: its.version, since: 'a' })
      await scheduler.refreshRoute(await ground.store.apps.update(app.id, { canary: undefined }))
      await settled(app, 'web.1 up v2')
      expect(await ground.get(app)).to.deep.equal({ status: 200, body: 'web.1 v2 hello' })
    })

    it('answers at a new name', async () => {
      const app = await deployed('before')
      const renamed = await ground.store.apps.rename(app.id, 'after')
      await scheduler.refreshRoute(renamed)
      expect((await ground.get(renamed)).status).to.equal(200)
      expect((await ground.get(app)).status).to.equal(404)
    })

    it('runs a command once, to its end', async () => {
      const app = await deployed('runs')
      const release = await releaseOf(app)
      const told: string[] = []
      const options = { log: (line: string) => told.push(line), signal: never }
      const task = { name: 'release.2', type: 'release', command: 'echo "$WORD $BERTH_RELEASE"; echo oops >&2; exit 7' }
      expect(await scheduler.runOnce(app, release, task, options)).to.equal(7)
      expect(told).to.have.members(['hello v2', 'oops'])
      await settled(app, 'web.1 up v2')
    })

    it('runs one command of a name at once', async () => {
      const app = await deployed('twice')
      const release = await releaseOf(app)
      const begun = Promise.withResolvers<undefined>()
      const first = { log: () => begun.resolve(undefined), signal: never }
      const left = scheduler
        .runOnce(app, release, { name: 'job.1', type: 'web', command: 'echo begun; sleep 600' }, first)
        .catch(() => -1)
      await begun.promise
      expect(await scheduler.runOnce(app, release, { name: 'job.1', type: 'web', command: 'exit 0' }, quiet)).to.equal(
        0,
      )
      await left // whatever its engine says of one that was removed, it does not sleep on
    })

    it('runs a one-off that reads, and ends it when its client leaves', async () => {
      const app = await deployed('once')
      const release = await releaseOf(app)
      const client = new AbortController()
      const start = (spec: Partial<OneOffSpec>) =>
        scheduler.attach(app, release, { command: [], tty: false, columns: 80, rows: 24, ...spec }, client.signal)
      const cat = await start({ command: ['cat; exit 5'] })
      expect(await states(app)).to.include(`${cat.process} up v2`)
      cat.stdin.end('typed\n')
      let out = ''
      for await (const frame of cat.output) out += frame.chunk.toString()
      expect(out).to.equal('typed\n')
      expect(await cat.exit).to.equal(5)

      const waiting = 'tty; until stty size | grep -v "^0"; do sleep 0.1; done; sleep 600'
      const shell = await start({ command: [waiting], tty: true, columns: 101, rows: 31 })
      out = ''
      for await (const frame of shell.output) {
        out += frame.chunk.toString()
        if (out.split('\n').length > 2) break
      }
      expect(out).to.match(/^\/dev\/(pts\/\d+|console)\r\n31 101\r\n$/)
      client.abort(new Error('the client left'))
      const error = await shell.exit.catch((e: unknown) => e)
      expect(error).to.have.property('message', 'the client left')
      await settled(app, 'web.1 up v2')
    })

    it('reads the logs of all processes in order, and follows those that start later', async () => {
      const app = await deployed('talks', { formation: { web: { quantity: 2, ...size } } })
      const last = await logs(app, { lines: 10 })
      expect(last.map((line) => line.text).sort()).to.deep.equal(['starting web.1 of v2', 'starting web.2 of v2'])
      expect(last.map((line) => line.time)).to.deep.equal(last.map((line) => line.time).sort())
      const one = await logs(app, { lines: 10, process: 'web.2' })
      expect(one.map((line) => line.process)).to.deep.equal(['web.2'])

      const reading = new AbortController()
      const seen: string[] = []
      const followed = (async () => {
        const query = { lines: 1, process: null, follow: true, signal: reading.signal }
        for await (const line of scheduler.logs(app, query)) {
          seen.push(`${line.process}: ${line.text}`)
          if (line.text.startsWith('starting web.1 of v3')) reading.abort()
        }
      })()
      await until('the last line', async () => Promise.resolve(seen.length === 1))
      await deploy(app, {})
      await followed
      expect(seen[0]).to.match(/^web\.\d: starting web\.\d of v2$/)
      expect(seen).to.include('web.1: starting web.1 of v3')
      expect(seen.filter((line) => line.includes('of v2'))).to.have.length(1)
    })

    it('serves nothing of an app that is removed', async () => {
      const app = await deployed('gone')
      await scheduler.remove(app)
      expect((await ground.get(app)).status).to.equal(404)
      expect(await ground.store.routes.get(app.id)).to.equal(null)
      expect((await processes(app)).map(({ container }) => container)).to.deep.equal([null])
      expect(await logs(app, {})).to.deep.equal([])
    })
  })
}
