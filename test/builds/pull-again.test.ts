import { expect } from 'chai'
import { pullAgain } from '../../src/builds/pull-again.js'
import type { OperationLog } from '../../src/builds/operation-log.js'
import type { EngineClient } from '../../src/engine-client/client.js'

const [local, digest] = ['example.com/here:1', 'example.com/old:1']

describe('pulling again on another engine', () => {
  /** Pulls what a Dockerfile begins with from an engine that says so to each pull. */
  async function pull(dockerfile: string, says: string | null) {
    const asked: string[] = []
    const told: string[] = []
    const images = {
      async *pull(name: string) {
        asked.push(name)
        await Promise.resolve()
        yield says === null ? { status: 'done' } : { error: says }
      },
      inspect: (name: string) =>
        Promise.resolve(
          name === local ? { RepoDigests: [] } : name === digest ? { RepoDigests: [`example.com/old@sha256:1`] } : null,
        ),
    }
    const plan = { dockerfile, args: {} } as never
    const log = { detail: (line: string) => told.push(line) } as unknown as OperationLog
    const failure = await pullAgain(
      { images } as unknown as EngineClient,
      plan,
      {},
      {
        log,
        signal: new AbortController().signal,
      },
    ).then(
      () => null,
      (error: unknown) => (error as Error).message,
    )
    return { asked, told, failure }
  }

  it('asks for each image once, and for none that has a digest or is none', async () => {
    const text = `FROM ${local} AS a\nFROM scratch\nFROM a\nCOPY --from=${digest} / /\nFROM x@sha256:${'1'.repeat(64)}\n`
    expect(await pull(text, null)).to.deep.equal({ asked: [local, digest], told: [], failure: null })
  })

  it('uses what is here, with a word, where it is not to be had', async () => {
    for (const [name, says] of [
      [local, 'dial tcp: no such host'],
      [digest, 'dial tcp: no such host'],
      [local, 'manifest for example.com/here:1 not found'],
    ] as const) {
      const { told, failure } = await pull(`FROM ${name}\n`, says)
      expect([told, failure]).to.deep.equal([[`WARNING: ${name} is used as it is here: ${says}`], null])
    }
  })

  it('does not use what was pulled and is given no more, nor what is not here', async () => {
    for (const [name, says] of [
      [digest, 'pull access denied for example.com/old'],
      ['example.com/none:1', 'dial tcp: no such host'],
    ] as const)
      expect(await pull(`FROM ${name}\n`, says)).to.deep.include({ told: [], failure: says })
  })
})
