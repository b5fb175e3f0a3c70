import {
  BerthError,
  definePlugin,
  execute,
  listedZones,
  longestZone,
  z,
  zones,
  type DnsPlugin,
  type TxtRecord,
} from 'berth/plugin'

/** Has a program of somebody's own change records: one run for each, the record as JSON on its standard input. */
export function program({
  command,
  zones,
}: {
  readonly command: string
  readonly zones: readonly string[]
}): DnsPlugin {
  const tell = async (action: 'add' | 'remove', record: TxtRecord, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    const input = `${JSON.stringify({ action, type: 'TXT', ...record })}\n`
    const { code, stdout, stderr } = await execute(command, [action], { input, signal, patience: 60_000 }).catch(away)
    if (code === 0) return
    const why = `${stdout}\n${stderr}`.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
    throw new BerthError('unavailable', `${command} ends with ${code ?? 'a signal'}${why === '' ? '' : `: ${why}`}`)
  }
  return {
    zoneOf: (name) => Promise.resolve(longestZone(name, zones)),
    add: (record, signal) => tell('add', record, signal),
    remove: (record, signal) => tell('remove', record, signal),
  }
}

function away(error: unknown): never {
  if (!(error instanceof BerthError) || error.fault !== 'missing') throw error
  throw new BerthError('unavailable', error.message, error.hint, error)
}

export const plugin = definePlugin({
  kind: 'dns',
  name: 'dns-exec',
  version: '1.0.0',
  settings: z.strictObject({
    command: z
      .string()
      .regex(/^\/[^\0]+$/, 'must be the absolute path of a program')
      .describe('the program, which the account berth may execute'),
    zones: zones(),
  }),
  start: ({ settings }) => program({ ...settings, zones: listedZones(settings.zones) }),
})
