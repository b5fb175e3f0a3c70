import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { readLines, textPieces } from '../../../src/api/client/stream.js'

/** What a client reads of an answer that is sent in that way, and how it ends. */
async function read(
  answer: (response: ServerResponse) => void,
  how: (response: IncomingMessage) => AsyncGenerator<unknown, unknown, void>,
): Promise<unknown[]> {
  const server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const [response] = (await once(
    get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }),
    'response',
  )) as [IncomingMessage]
  const all: unknown[] = []
  try {
    const parts = how(response)
    for (;;) {
      const next = await parts.next()
      if (next.done === true) return [...all, ['end', next.value]]
      all.push(next.value)
    }
  } catch (error) {
    return [...all, (error as Error).message]
  } finally {
    server.close().closeAllConnections()
  }
}
const lost = 'the connection to Berth was lost'

describe('a stream of lines', () => {
  const lines = (...pieces: (string | Buffer)[]) =>
    read((response) => {
      for (const piece of pieces) response.write(piece)
      response.end()
    }, readLines)

  it('is its lines and its verdict, however they are cut up', async () => {
    const whole = Buffer.from('\n{"text":"naïve ☃"}\n\n{"text":"two"}\n{"end":{"ok":true}}\n')
    const all = [{ text: 'naïve ☃' }, { text: 'two' }, ['end', { ok: true }]]
    expect(await lines(whole)).to.deep.equal(all)
    expect(await lines(...Array.from(whole, (byte) => Buffer.of(byte)))).to.deep.equal(all)
  })

  it('without a verdict was cut off, though its transfer ended well', async () => {
    expect(await lines()).to.deep.equal([lost])
    expect(await lines('{"text":"one"}\n')).to.deep.equal([{ text: 'one' }, lost])
    expect(await lines('{"end":true}')).to.deep.equal([lost])
  })

  it('ends with the error that it tells, and reads no further', async () => {
    const error = { fault: 'conflict', message: 'not now', hint: 'later' }
    expect(await lines(`{"a":1}\n{"error":${JSON.stringify(error)}}\n{"a":2}\n`)).to.deep.equal([{ a: 1 }, 'not now'])
    expect(await lines('{"end":1}\n{"a":2}\n')).to.deep.equal([['end', 1]])
  })

  it('of what is no JSON, no record or no fault was cut off too', async () => {
    for (const line of ['{', '7', 'null', '"x"', '{"error":{}}', '{"error":null}', '{"error":"x"}'])
      expect(await lines(`${line}\n`), line).to.deep.equal([lost])
  })

  it('is cut off when its connection is', async () => {
    const cut = await read((response) => {
      response.write('{"a":1}\n', () => response.destroy())
    }, readLines)
    expect(cut).to.deep.equal([{ a: 1 }, lost])
  })
})

describe('a text', () => {
  it('is whole when its transfer ended well, and cut off otherwise', async () => {
    const bytes = Buffer.from('naïve ☃')
    const pieces = await read((response) => {
      for (const byte of bytes) response.write(Buffer.of(byte))
      response.end()
    }, textPieces)
    expect(pieces.slice(0, -1).join('')).to.equal('naïve ☃')
    const cut = await read((response) => {
      response.write('half', () => response.destroy())
    }, textPieces)
    expect(cut).to.deep.equal(['half', lost])
  })
})
