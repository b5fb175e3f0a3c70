import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { createServer, connect, type Server } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import type { Mount, StepSecret } from '../records.js'
import type { UserNamespace } from '../runtime/sandbox.js'

/** What a step has of secrets: mounts to add and variables to set. Disposing closes the lines to agents. */
export interface MountedSecrets extends AsyncDisposable {
  readonly mounts: readonly Mount[]
  readonly env: readonly string[]
}

/**
 * Lays a step's secrets out below `place`, which must be on a file system in memory, owned as the step's users are numbered
 * on the host: kernels before 6.3 cannot map owners there. An agent is reached through a
 * socket of the step's own: the agent's, which is the host's, is never mounted.
 */
export async function mountSecrets(
  place: string,
  secrets: readonly StepSecret[],
  users: UserNamespace,
): Promise<MountedSecrets> {
  const first = users === 'host' ? 0 : users.first
  const servers: Server[] = []
  const mounts: Mount[] = []
  const env: string[] = []
  if (secrets.length > 0) await mkdir(place, { mode: 0o700 })
  for (const [index, secret] of secrets.entries()) {
    if (secret.kind === 'env') {
      env.push(`${secret.name}=${secret.value.reveal().toString()}`)
      continue
    }
    const source = join(place, String(index))
    if (secret.kind === 'file') await writeFile(source, secret.content.reveal(), { mode: 0o400 })
    else servers.push(await relay(source, secret.socket))
    await chown(source, first + secret.uid, first + secret.gid)
    await chmod(source, secret.mode)
    const options = secret.kind === 'file' ? ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] : ['bind', 'rw']
    mounts.push({ type: 'bind', source, target: secret.target, options })
  }
  const close = async (): Promise<void> => {
    for (const server of servers) server.close()
    await Promise.resolve()
  }
  return { mounts, env, [Symbol.asyncDispose]: close }
}

/** Listens on a socket and passes every connection on to another. */
async function relay(path: string, to: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: to, allowHalfOpen: true })
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    server.on('close', () => near.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  return server
}
