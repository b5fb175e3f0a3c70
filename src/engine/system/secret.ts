import { inspect } from 'node:util'

/** Bytes that cannot be printed, logged or stored by accident. */
export class Secret {
  readonly #value: Buffer
  constructor(value: Buffer) {
    this.#value = value
  }

  reveal(): Buffer {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
