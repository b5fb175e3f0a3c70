import { orMissing } from '../lib/missing.js'
import { readFile } from 'node:fs/promises'

/** A TCP socket that listens, proc(5) /proc/net/tcp. */
export interface ListeningSocket {
  /** Dotted or colon form. */
  readonly address: string
  readonly port: number
  readonly loopback: boolean
}

/** State TCP_LISTEN of include/net/tcp_states.h. */
const listen = '0A'

/** Each 32-bit word of an address is printed in host byte order, little-endian on every machine Berth runs on. */
function bytesOf(hex: string): number[] {
  const words = hex.match(/.{8}/g) ?? []
  return words.flatMap((word) => [6, 4, 2, 0].map((at) => parseInt(word.slice(at, at + 2), 16)))
}

function addressOf(bytes: readonly number[]): { address: string; loopback: boolean } {
  const mapped = bytes.length === 16 && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255
  const v4 = bytes.length === 4 ? bytes : mapped ? bytes.slice(12) : null
  if (v4) return { address: v4.join('.'), loopback: v4[0] === 127 }
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  )
  const address = groups.every((g) => g === '0') ? '::' : groups.join(':')
  const loopback = bytes.slice(0, 15).every((b) => b === 0) && bytes[15] === 1
  return { address: loopback ? '::1' : address, loopback }
}

/** The listening sockets of the text of /proc/net/tcp or tcp6. Docker's resolver at 127.0.0.11 is not the app's. */
export function parseListeners(text: string): ListeningSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/)
    const parts = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local ?? '')
    if (state !== listen || !parts?.[1] || !parts[2]) return []
    const { address, loopback } = addressOf(bytesOf(parts[1]))
    return address === '127.0.0.11' ? [] : [{ address, loopback, port: parseInt(parts[2], 16) }]
  })
}

/**
 * What listens in the network namespace of a process, or null when that is not to be seen from here: the pid is gone,
 * or it is another machine's (then the namespace of that number does not have the container's address).
 */
export async function listenersOf(pid: number, address: string): Promise<ListeningSocket[] | null> {
  try {
    const net = `/proc/${pid}/net`
    const [local, v4, v6] = await Promise.all([
      readFile(`${net}/fib_trie`, 'utf8'),
      readFile(`${net}/tcp`, 'utf8'),
      readFile(`${net}/tcp6`, 'utf8').catch(orMissing('')),
    ])
    if (!local.includes(`|-- ${address}\n`)) return null
    return [...parseListeners(v4), ...parseListeners(v6)]
  } catch {
    return null
  }
}
