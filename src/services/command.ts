import type { EngineClient } from '../engine-client/client.js'
import { BerthError } from '../errors.js'
import { deadline } from '../lib/deadline.js'
import { harmless } from '../lib/terminal.js'
import type { ServiceCommand } from '../plugins/kinds/service.js'

/** ms that a command in a service's container has. */
const patience = 30_000

/**
 * Runs a command in a service's container.
 * @returns what it wrote, its first 4 KiB
 * @throws BerthError `broken` with the last of what it wrote, when it fails or takes too long
 */
export async function runIn(
  engine: EngineClient,
  container: string,
  { words, input }: ServiceCommand,
  what: string,
): Promise<string> {
  using late = deadline(patience)
  const command = await engine.containers.exec(container, words, input)
  const { code, output } = await command.end(late.signal).catch((error: unknown) => {
    if (!late.signal.aborted) throw error
    throw new BerthError('broken', `${what}: not done within ${patience / 1000} s`, 'see `berth services:logs`')
  })
  if (code === 0) return output
  const said = harmless(output.trim()).split('\n').at(-1)?.slice(0, 200) ?? ''
  throw new BerthError(
    'broken',
    `${what}: ${said === '' ? `exit code ${code}` : said}`,
    'see `berth services:logs` for what the service says',
  )
}
