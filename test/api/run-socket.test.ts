import { spawn, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { WebSocketServer } from 'ws'
import { holderOf } from '../../src/access/caller.js'
import { run, type RunOptions } from '../../src/api/client/run.js'
import { oneOffWords } from '../../src/scheduler/command.js'
import type { ControlApiDeps } from '../../src/api/platform.js'
import type { OneOff, OneOffSpec } from '../../src/scheduler/scheduler.js'
import { inputWindow } from '../../src/api/run-messages.js'
import { serveRun } from '../../src/api/run-socket.js'
import type { Token } from '../../src/store/tokens.js'

async function* merge(stdout: Readable, stderr: Readable): OneOff['output'] & AsyncGenerator {
  const sources = { stdout: stdout.iterator(), stderr: stderr.iterator() }
  const next = (stream: 'stdout' | 'stderr') =>
    sources[stream].next().then((result: IteratorResult<Buffer, undefined>) => ({ stream, result }))
  const waiting = new Map([['stdout', next('stdout')] as const, ['stderr', next('stderr')] as const])
  while (waiting.size > 0) {
    const { stream, result } = await Promise.race(waiting.values())
    if (result.done) waiting.delete(stream)
    else {
      waiting.set(stream, next(stream))
      yield { stream, chunk: result.value }
    }
  }
}

/** A process of this machine where a container's would be. */
function oneOff(spec: OneOffSpec, signal: AbortSignal, children: ChildProcess[]): OneOff {
  const [program = '', ...args] = oneOffWords(spec.command)
  const child = spawn(program, args, { stdio: 'pipe' })
  signal.addEventListener('abort', () => child.kill('SIGKILL'))
  children.push(child)
  return {
    process: 'run.1234',
    stdin: child.stdin,
    output: merge(child.stdout, child.stderr),
    exit: once(child, 'exit').then(([code]) => (code as number | null) ?? 137),
    resize: () => Promise.resolve(),
    kill: () => Promise.resolve(),
  }
}

const token: Token = { id: 'x', name: 'x', createdAt: '', expiresAt: null }

describe('run, from socket to process', () => {
  let server: Server
  let children: ChildProcess[]
  let url: string
  const limits = { run: 60_000 }
  beforeEach(async () => {
    children = []
    const platform = {
      closing: new AbortController().signal,
      config: { limits },
      grants: { during: (_token: Token, _end: () => void, task: () => Promise<void>) => task() },
      store: { redis: { status: 'ready' } },
    } as unknown as ControlApiDeps
    const open = (spec: OneOffSpec, signal: AbortSignal) => Promise.resolve(oneOff(spec, signal, children))
    const sockets = new WebSocketServer({ noServer: true })
    server = createServer()
    server.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(
        request,
        socket,
        head,
        (webSocket) => void serveRun(platform, { open, caller: holderOf(token) }, webSocket),
      ),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  })
  afterEach(() => {
    server.close()
    server.closeAllConnections()
    for (const child of children) child.kill('SIGKILL')
  })

  const start = (command: string[], stdin: Readable, more: Partial<RunOptions> = {}) => {
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    const code = run(
      { url, token: 'x' },
      {
        path: 'apps/x/run',
        command,
        tty: false,
        stdin,
        stdout,
        stderr,
        size: () => ({ rows: 24, columns: 80 }),
        onResize: () => undefined,
        onStart: () => undefined,
        signal: new AbortController().signal,
        ...more,
      },
    ).finally(() => {
      stdout.end()
      stderr.end()
    })
    return { code, stdout, stderr }
  }
  const input = (data: string | Buffer): Readable => new PassThrough().end(data)

  it('keeps standard output, standard error and the exit code apart', async () => {
    const { code, stdout, stderr } = start(['echo out; echo err >&2; exit 7'], input(''))
    expect(await Promise.all([code, text(stdout), text(stderr)])).to.deep.equal([7, 'out\n', 'err\n'])
  })

  it('gives the words of a command as they are', async () => {
    const words = ['printf', '%s|', '$HOME', "it's", 'a b', '', '*', '-n']
    const { stdout } = start(words, input(''))
    expect(await text(stdout)).to.equal("$HOME|it's|a b||*|-n|")
  })

  it('passes on megabytes of any bytes both ways, and the end of them', async () => {
    const bytes = Buffer.alloc(5_000_000, Buffer.from([0, 255, 10, 13, 1, 2]))
    const { code, stdout } = start(['sha256sum'], input(bytes))
    const { createHash } = await import('node:crypto')
    expect(await text(stdout)).to.include(createHash('sha256').update(bytes).digest('hex'))
    expect(await code).to.equal(0)
    const many = start(['head -c 5000000 /dev/zero | tr "\\0" x'], input(''))
    expect((await text(many.stdout)).length).to.equal(5_000_000)
  })

  it('is not troubled by a process that reads nothing of what it is sent', async () => {
    const { code, stdout } = start(['head -c 3'], input(Buffer.alloc(3_000_000, 'y')))
    expect([await text(stdout), await code]).to.deep.equal(['yyy', 0])
  })

  it('kills the process when its caller leaves', async () => {
    const leave = new AbortController()
    const { code, stdout } = start(['echo on; exec sleep 60'], new PassThrough(), { signal: leave.signal })
    await once(stdout, 'data')
    const [child] = children
    const gone = once(child ?? new EventEmitter(), 'exit')
    leave.abort()
    const failure = await code.catch((error: unknown) => (error as Error).message)
    expect(failure).to.include('the process with it')
    expect(await gone).to.deep.equal([null, 'SIGKILL'])
  })

  const endless = (): Readable => {
    const block = Buffer.alloc(64 * 1024, 'y\n')
    return new Readable({
      read() {
        this.push(block)
      },
    })
  }

  /** An endless input; `held` resolves when more of it was read than is ever on its way without being taken. */
  const heldBack = (): { stdin: Readable; held: Promise<void> } => {
    let held: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (held = resolve))
    let given = 0
    const stdin = new Readable({
      highWaterMark: 1,
      read() {
        given += 1000
        if (given > inputWindow) held()
        this.push(Buffer.alloc(1000))
      },
    })
    return { stdin, held: reached }
  }

  it('ends at once with a process that reads little of an endless input', async () => {
    const { code, stdout } = start(['head -n 1'], endless())
    expect([await text(stdout), await code]).to.deep.equal(['y\n', 0])
  })

  it('kills the process of a caller that leaves while its input is held back', async () => {
    const leave = new AbortController()
    const { stdin, held } = heldBack()
    const { code, stdout } = start(['echo on; exec sleep 60'], stdin, { signal: leave.signal })
    await once(stdout, 'data')
    await held
    const gone = once(children[0] ?? new EventEmitter(), 'exit')
    leave.abort()
    await code.catch(() => undefined)
    expect(await gone).to.deep.equal([null, 'SIGKILL'])
  })

  it('keeps no more input than it has announced, before a start and for a process that does not read', async () => {
    const { WebSocket } = await import('ws')
    for (const first of [[], [JSON.stringify({ start: { command: ['exec sleep 60'] } })]]) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/run`, { perMessageDeflate: false })
      const messages: string[] = []
      socket.on('message', (data, isBinary) => isBinary || messages.push((data as Buffer).toString()))
      await once(socket, 'open')
      for (const message of first) socket.send(message)
      if (first.length > 0) await once(socket, 'message')
      const closed = once(socket, 'close')
      const flood = (): void => {
        if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.alloc(64 * 1024), () => flood())
      }
      flood()
      const [code] = (await closed) as [number]
      if (first.length > 0) expect(code).to.equal(1008)
      else expect(JSON.parse(messages.at(-1) ?? '{}')).to.have.nested.property('error.fault', 'large')
    }
    expect(children.length).to.equal(1)
  })

  it('ends a process that takes longer than it may, and says so', async () => {
    limits.run = 300
    try {
      const { code } = start(['sh', '-c', "trap '' TERM; sleep 60"], new PassThrough())
      const told = await code.then(
        () => 'nothing',
        (error: unknown) => (error as Error).message,
      )
      expect(told).to.equal('the process took longer than 1 second and was ended')
      const [child] = children
      if (child && child.signalCode === null) await once(child, 'exit')
      expect(child?.signalCode).to.equal('SIGKILL')
    } finally {
      limits.run = 60_000
    }
  })

  it('refuses a frame that is no message, in words', async () => {
    const { WebSocket } = await import('ws')
    for (const bad of ['{', '{"start":{"command":[]}}', '{"start":{"command":["a\\u0000"]}}', '{"stop":true}']) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/run`)
      await once(socket, 'open')
      socket.send(bad)
      const [answer] = (await once(socket, 'message')) as [Buffer]
      expect(JSON.parse(answer.toString()), bad).to.have.nested.property('error.fault', 'invalid')
      await once(socket, 'close')
    }
    expect(children).to.have.length(0)
  })
})
