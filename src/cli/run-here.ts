import { say } from './output.js'
import type { Session } from './session.js'

/** Ties this process's streams to a command on the server, the terminal raw while it lasts. @returns its exit code */
export async function runHere(
  { credentials }: Pick<Session, 'credentials'>,
  path: string,
  command: readonly string[],
  tty: boolean,
): Promise<number> {
  const { run } = await import('../api/client/run.js')
  const { stdin, stdout, stderr } = process
  const left = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => left.abort())
  const state = { started: false }
  try {
    return await run(credentials, {
      path,
      command,
      tty,
      stdin,
      stdout,
      stderr,
      size: () => ({ rows: stdout.rows || 24, columns: stdout.columns || 80 }),
      onResize: (listener) => void stdout.on('resize', listener),
      onStart: (name) => {
        state.started = true
        say(`up, ${name}`)
        if (tty) stdin.setRawMode(true)
      },
      signal: left.signal,
    })
  } catch (error) {
    if (!state.started) say('!')
    if (left.signal.aborted) return 130
    throw error
  } finally {
    if (tty) stdin.setRawMode(false)
    stdin.destroy() // a terminal or pipe that nobody closes would keep this process
  }
}
