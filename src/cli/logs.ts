import type { Command } from 'commander'
import type { LogLineView } from '../api/contract.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { harmless } from '../lib/terminal.js'
import { print } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

interface LogsOptions extends AppOptions, JsonOptions {
  readonly tail?: boolean
  readonly num?: string
  readonly process?: string
}

const palette = [36, 33, 32, 35, 34]

/** `2026-11-24T04:08:34.123Z app[web.1]: text`, the head in the colour of its process on a terminal. */
export function formatLine({ time, source, process: name, text: raw }: LogLineView): string {
  const text = harmless(raw)
  const head = `${time} ${source}[${name}]:`
  if (!process.stdout.isTTY || process.env.NO_COLOR !== undefined) return `${head} ${text}`
  const colour = palette[Buffer.from(name).reduce((sum, byte) => sum + byte, 0) % palette.length] ?? 36
  return `\u001b[${colour}m${head}\u001b[39m ${text}`
}

export function registerLogs(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'logs',
        summary: 'show the output of processes',
        group: 'Processes',
        examples: ['logs -a blog', 'logs -t -p web.1', 'logs -n 500'],
      }),
    ),
  )
    .option('-t, --tail', 'follow the output')
    .option('-n, --num <lines>', 'how many lines, from the newest', '100')
    .option('-p, --process <process>', 'only this process (web.1) or type (web)')
    .action(async (options: LogsOptions) => {
      const count = Number(options.num)
      if (!/^\d+$/.test(options.num ?? '') || count > 10_000)
        throw new UsageError(`"${options.num ?? ''}" is not a number of lines`, 'ask for 0 to 10000')
      const { client, app } = await openApp(options)
      const lines = await client.processes.logs({
        app,
        lines: count,
        ...(options.process === undefined ? {} : { process: options.process }),
        ...(options.tail ? { follow: 'true' as const } : {}),
      })
      for await (const line of lines) print(options.json ? JSON.stringify(line) : formatLine(line))
    })
}
