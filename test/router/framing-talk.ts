import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'
import { expect } from 'chai'
import type { RequestCase } from './framing-cases.js'
import { readMessage, type Message } from './framing-wire.js'

/** How the bytes of a case arrive. */
export type Pace = 'whole' | 'byte by byte' | { readonly splitAt: number }

function piecesOf(bytes: string, pace: Pace): string[] {
  if (pace === 'whole') return [bytes]
  if (pace === 'byte by byte') return bytes.split('')
  return [bytes.slice(0, pace.splitAt), bytes.slice(pace.splitAt)].filter((piece) => piece !== '')
}

/** Long enough for a busy machine, short enough to be told from a hang. */
const patience = 8000

/**
 * Sends bytes over one connection and reads the answers to these methods by the letter. Ends when the last of them is
 * there or the other side has closed.
 */
export async function talk(
  to: NetConnectOpts,
  bytes: string,
  { methods, pace = 'whole' }: { methods: readonly string[]; pace?: Pace },
): Promise<{ answers: Message[]; interim: Message[]; rest: string; closed: boolean }> {
  const socket = connect({ ...to, noDelay: true } as NetConnectOpts)
  let received = ''
  let closed = false
  const answers: Message[] = []
  const interim: Message[] = []
  const whole = new Promise<void>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`no end of it: ${JSON.stringify(received.slice(0, 500))}`)),
      patience,
    )
    const look = () => {
      try {
        for (;;) {
          const bodiless = methods[answers.length] === 'HEAD'
          const read = readMessage(received, { bodiless, answer: true, closed })
          if (!read) break
          received = received.slice(read.end)
          if (/^HTTP\/1\.[01] 1\d\d /.test(read.message.start)) interim.push(read.message)
          else answers.push(read.message)
        }
      } catch (error) {
        clearTimeout(late)
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      if (closed || answers.length >= methods.length) {
        clearTimeout(late)
        resolve()
      }
    }
    socket.on('error', () => undefined)
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      look()
    })
    socket.once('close', () => {
      closed = true
      look()
    })
  })
  await once(socket, 'connect')
  for (const piece of piecesOf(bytes, pace)) {
    socket.write(piece, 'latin1')
    if (pace !== 'whole') await new Promise((resolve) => setImmediate(resolve))
  }
  await whole.finally(() => socket.destroy())
  return { answers, interim, rest: received, closed }
}

export const statusOf = ({ start }: Message): number => Number(start.split(' ')[1])
export const methodOf = (bytes: string): string => bytes.trimStart().split(' ')[0] ?? ''

/** A request that follows on the same connection, to see that the case has ended where it should. */
export const canary = 'GET /canary HTTP/1.1\r\nhost: blog.test\r\n\r\n'

/** Sends a case and a canary after it, and holds the answers against what is wanted. */
export async function check(to: NetConnectOpts, { bytes, want }: RequestCase, pace: Pace): Promise<Message[]> {
  const methods = [methodOf(bytes), 'GET']
  const { answers, rest, closed } = await talk(to, bytes + canary, { methods, pace })
  expect(rest, 'bytes that are no answer').to.equal('')
  const statuses = answers.map(statusOf)
  if (typeof want === 'number') {
    expect(statuses).to.deep.equal([want])
    expect(closed, 'the connection of a refused request is closed').to.equal(true)
  } else {
    expect(statuses).to.deep.equal(want.last === true ? [200] : [200, 200])
    if (want.last === true) expect(closed).to.equal(true)
  }
  return answers
}
