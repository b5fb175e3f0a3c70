import { EngineError } from '../errors.js'
import { fieldsOf, flagField, listField, textField } from '../system/fields.js'
import type { Container, ContainerDeps } from './container.js'
import { detachKeys } from './detach-keys.js'
import { Exec } from './exec.js'
import { refuseDenied } from './namespaces.js'

/** The commands run in containers, those ended not long ago included. */
export class Execs {
  readonly #all = new Map<string, Exec>()
  readonly #deps: ContainerDeps
  constructor(deps: ContainerDeps) {
    this.#deps = deps
  }

  /** @throws EngineError `conflict` when the container does not run, `invalid` */
  create(container: Container, body: unknown): Exec {
    const fields = fieldsOf(body)
    if (!container.up) throw new EngineError('conflict', `container ${container.id} is not running`)
    if (container.record.state.status === 'paused')
      throw new EngineError(
        'conflict',
        `Container ${container.record.name} is paused, unpause the container before exec`,
      )
    const { config } = this.#deps
    if (flagField(fields, 'Privileged')) refuseDenied(config, { ...container.run, privileged: true })
    const args = listField(fields, 'Cmd').map(String)
    if (args.length === 0) throw new EngineError('invalid', 'No exec command specified')
    const exec = new Exec(this.#deps, container, {
      args,
      env: listField(fields, 'Env').map(String),
      cwd: textField(fields, 'WorkingDir'),
      user: textField(fields, 'User'),
      tty: flagField(fields, 'Tty'),
      stdin: flagField(fields, 'AttachStdin'),
      stdout: flagField(fields, 'AttachStdout'),
      stderr: flagField(fields, 'AttachStderr'),
      privileged: flagField(fields, 'Privileged'),
      detachKeys: detachKeys(textField(fields, 'DetachKeys')),
    })
    this.#forgetOld()
    this.#all.set(exec.id, exec)
    exec.prestart()
    exec.announce()
    return exec
  }

  /** @throws EngineError `missing` */
  find(id: string): Exec {
    const exec = this.#all.get(id)
    if (!exec) throw new EngineError('missing', `No such exec instance: ${id}`)
    return exec
  }

  of(container: Container): string[] {
    return [...this.#all.values()].filter((exec) => exec.container === container && exec.running).map(({ id }) => id)
  }

  /** Keeps the last 200 that ended. */
  #forgetOld(): void {
    const over = [...this.#all.values()].filter(({ exitCode }) => exitCode !== null)
    for (const { id } of over.slice(0, Math.max(0, over.length - 200))) this.#all.delete(id)
  }
}
