import { connect } from 'node:net'

/** What a server at that address answers, or the code of the error (`ECONNREFUSED`, `TIMEOUT`). */
export const ask = (host: string, port: number): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    const socket = connect({ host, port, timeout: 2000 })
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve(text))
  })
