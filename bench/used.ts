import { once } from 'node:events'
import { appendFile } from 'node:fs/promises'
import { get, request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connectOptions } from '../src/api/client/http.js'
import { loadConfig } from '../src/config.js'
import { openStage, type Stage } from './stage.js'

/** What a Berth goes through before it is left alone. */
export interface Use {
  readonly pushes: number
  readonly containers: number
  /** Of an app's log, in MB, followed through the API; and as much of a container's through the engine. */
  readonly log: number
}

const image = 'debian:bookworm-slim'
const socketPath = loadConfig().engineSocket

/** One request to the engine; its answer is read whole. @throws Error with what it says when it refuses */
async function ask(method: string, path: string, body?: object): Promise<string> {
  const headers = body ? { 'content-type': 'application/json' } : {}
  const outgoing = request({ socketPath, method, path, headers, agent: false }).end(body && JSON.stringify(body))
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if ((response.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${answer}`)
  return answer
}

async function runContainer(command: readonly string[]): Promise<string> {
  const { Id } = JSON.parse(await ask('POST', '/containers/create', { Image: image, Cmd: command })) as { Id: string }
  await ask('POST', `/containers/${Id}/start`)
  return Id
}

/** Runs a container that writes so much, and reads its log to the end. */
async function followContainer(megabytes: number): Promise<void> {
  const id = await runContainer(['sh', '-c', `yes '${'x'.repeat(99)}' | head -n ${megabytes * 10_000}`])
  const outgoing = request({ socketPath, path: `/containers/${id}/logs?follow=1&stdout=1`, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length
  // what is written faster than it is read, and goes beyond what a log may hold, is not in it any more
  if (bytes < megabytes * 1e5) throw new Error(`of a log of ${megabytes} MB came ${bytes} bytes`)
  await ask('DELETE', `/containers/${id}?force=1`)
}

/** Has an app write so much, and reads its log until that has come. */
async function followApp(stage: Stage, megabytes: number): Promise<void> {
  const noise = `const { Readable } = require('node:stream')
  function* lines() {
    for (let i = 0; i < ${megabytes * 100}; i++) yield ('x'.repeat(99) + '\\n').repeat(100)
    yield 'that was all\\n'
  }
  server.on('request', ({ url }) => {
    if (url === '/noise') Readable.from(lines()).pipe(process.stdout, { end: false })
  })\n`
  await appendFile(join(stage.dir, 'server.js'), noise)
  await stage.change('noise')
  await stage.push()
  const log = await stage.client.processes.logs({ app: stage.app, lines: '1', follow: 'true' })
  await log.next() // what the app said at its start: from here on, all is followed
  get({ ...connectOptions(stage.url), path: '/noise' }).on('response', (response) => response.resume())
  for await (const { text } of log) if (text === 'that was all') return
  throw new Error('the log ended before the app had written all')
}

/** Four at a time. */
async function runContainers(count: number): Promise<void> {
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun++ < count) {
      const id = await runContainer(['true'])
      await ask('POST', `/containers/${id}/wait`)
      await ask('DELETE', `/containers/${id}`)
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])
}

/** Uses the instance that BERTH_ROOT and BERTH_RUN name, with its CLI's credentials; what it makes goes again. */
export async function use({ pushes, containers, log }: Use, progress: (line: string) => void): Promise<void> {
  await using stage = await openStage('bench-used')
  for (let i = 1; i <= pushes; i++) {
    await stage.change(String(i))
    await stage.push()
  }
  progress(`${pushes} pushes`)
  await runContainers(containers)
  progress(`${containers} containers`)
  await followApp(stage, log)
  await followContainer(log)
  progress(`two logs of ${log} MB followed`)
}
