import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { must, typescript } from '../run.js'

describe('a part of a library that is hardly ever used', () => {
  const lazy = fileURLToPath(new URL('../../src/lib/lazy.ts', import.meta.url))
  const program = (code: string): Promise<string> =>
    must(process.execPath, [typescript, `--import=${lazy}`, '--input-type=module', '-e', code], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    })
  const loaded = `Object.keys(createRequire(import.meta.url).cache).filter((file) => /^\\/.*node_modules.(ssh2|@grpc)/.test(file))`

  it('is not loaded with it', async () => {
    const code = `import { createRequire } from 'node:module'
      await import('dockerode')
      console.log(${loaded}.length)`
    expect(await program(code)).to.equal('0')
  })

  it('is there once it is asked for', async () => {
    const code = `import { createRequire } from 'node:module'
      const { default: Docker } = await import('dockerode')
      new Docker({ protocol: 'ssh', host: 'nowhere.invalid', username: 'nobody' }).ping().then(() => 0, () => {
        console.log(${loaded}.length > 10)
      })`
    expect(await program(code)).to.equal('true')
  })

  it('is TLS to a client of HTTP or of Redis', async () => {
    const code = `for (const library of ['bullmq', 'dockerode', 'http-proxy', 'ioredis', 'node-git-server', 'ws']) {
        await import(library)
        if (process.moduleLoadList.some((name) => /\\b_?tls/.test(name))) console.log(library)
      }`
    expect(await program(code)).to.equal('')
  })

  it('is TLS that a client of Redis finds when it speaks it', async () => {
    const code = `import { Redis } from 'ioredis'
      const redis = new Redis({ host: '127.0.0.1', port: 1, tls: {}, retryStrategy: null })
      redis.on('error', () => console.log(process.moduleLoadList.includes('NativeModule tls')))`
    expect(await program(code)).to.equal('true')
  })

  it('of BullMQ is not loaded, and its queues are there', async () => {
    const code = `import { createRequire } from 'node:module'
      import { Queue, Worker } from 'bullmq'
      const files = Object.keys(createRequire(import.meta.url).cache)
      console.log(typeof Queue, typeof Worker, files.filter((file) => file.startsWith('/') && /postgres|luxon/.test(file)).length)`
    expect(await program(code)).to.equal('function function 0')
  })

  it('of express is not loaded, and is there when an app sends a file', async () => {
    const code = `import { once } from 'node:events'
      import { createRequire } from 'node:module'
      import express from 'express'
      const files = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => /^\\/.*node_modules.(qs|send)\\//.test(file)).length
      const app = express().get('/', (_, response) => response.sendFile('package.json', { root: process.cwd() }))
      const server = app.listen(0)
      await once(server, 'listening')
      const before = files()
      const { name } = await (await fetch('http://127.0.0.1:' + server.address().port)).json()
      console.log(before, name, files() > 0)
      process.exit()`
    expect(await program(code)).to.equal('0 berth true')
  })

  it('leaves zod its English', async () => {
    const code = `import { z } from 'zod'
      console.log(Object.keys(z.locales).length, z.string().safeParse(1).error.issues[0].message)`
    expect(await program(code)).to.equal('0 Invalid input: expected string, received number')
  })
})
