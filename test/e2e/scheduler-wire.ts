import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A way to an engine's socket that can be cut, as killing the engine would, while its containers live on. */
export class Wire implements AsyncDisposable {
  readonly path: string
  readonly #engine: string
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  constructor(path: string, engine: string) {
    this.path = path
    this.#engine = engine
  }

  async join(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ path: this.#engine, allowHalfOpen: true })
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy()).on('close', () => this.#sockets.delete(from))
        from.pipe(to)
      }
      near.once('close', () => far.destroy())
    })
    server.listen(this.path)
    await once(server, 'listening')
    this.#server = server
  }

  /** Every connection breaks, and there is no socket to connect to. */
  async cut(): Promise<void> {
    this.#server?.close()
    for (const socket of this.#sockets) socket.destroy()
    await rm(this.path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut()
  }
}
