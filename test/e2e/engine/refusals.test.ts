import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { base, type DockerEngine, openDocker, oracle } from './harness.js'
import { refusals } from './refusals.js'
import { containerRefusals } from './refusals-containers.js'

const all = [...containerRefusals, ...refusals]

describe('bad input', () => {
  let engine: DockerEngine

  const ask = async (method: string, path: string, body: unknown): Promise<{ status: number; message: string }> => {
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const target = {
        socketPath: engine.socket,
        method,
        path: path.startsWith('/v') && !path.startsWith('/vol') ? path : `/v1.41${path}`,
      }
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      request({ ...target, headers }, (reply) => {
        text(reply).then((said) => resolve({ status: reply.statusCode ?? 0, body: said }), reject)
      })
        .on('error', reject)
        .end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
    })
    const said = (): string => (JSON.parse(answer.body) as { message: string }).message
    return { status: answer.status, message: answer.body.startsWith('{') ? said() : answer.body }
  }

  /** All there is, in words. */
  const everything = async (): Promise<string[][]> => {
    const told = await Promise.all([
      engine.must('ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.State}} {{.Networks}} {{.Mounts}}'),
      engine.must('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}'),
      engine.must('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}'),
      engine.must('volume', 'ls', '--format', '{{.Name}}'),
      engine.must('inspect', '--format', '{{json .HostConfig}}', 'up', 'down', 'paused'),
    ])
    return told.map((lines) => lines.split('\n').sort())
  }

  before(async () => {
    engine = await openDocker()
    await engine.must('run', '-d', '--name', 'up', base, 'sleep', 'infinity')
    await engine.must('create', '--name', 'down', base, 'true')
    await engine.must('run', '-d', '--name', 'paused', base, 'sleep', 'infinity')
    await engine.must('pause', 'paused')
    await engine.must('network', 'create', 'net')
    await engine.must('volume', 'create', 'vol')
    await engine.must('tag', base, 'tagged:1')
  })

  after(() => engine[Symbol.asyncDispose]())

  const kindOf = (path: string): string => /^\/(\w+)/.exec(path)?.[1] ?? ''
  for (const kind of new Set(all.map(([, path]) => kindOf(path))))
    it(`of /${kind} is refused in Docker’s words and changes nothing`, async () => {
      const before = await everything()
      const wrong: string[] = []
      for (const [method, path, body, status, words] of all) {
        if (kindOf(path) !== kind) continue
        const answer = await ask(method, path, body)
        const right = answer.status === status || (oracle && answer.status === 500)
        if (!right || !answer.message.toLowerCase().includes(words.toLowerCase()))
          wrong.push(
            `${method} ${path} ${JSON.stringify(body)}: ${status} ${words}: is ${answer.status} ${answer.message}`,
          )
      }
      expect(wrong).to.deep.equal([])
      expect(await everything()).to.deep.equal(before)
    })
})
