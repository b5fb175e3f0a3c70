import type { Command } from 'commander'
import type { OnDemandView } from '../api/contract.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, formatTime, heading, print, printJson, say, table } from './output.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from './session.js'

interface OnDemandOptions extends AppOptions, JsonOptions {
  readonly allow?: string[]
  readonly ask?: string
  readonly off?: boolean
  readonly asksPerMinute?: string
  readonly namesPerDay?: string
  readonly most?: string
}

/** @throws UsageError */
function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`"${text.slice(0, 40)}" is no number`, `as ${option} 50`)
  return Number(text)
}

/** What is to be said anew; null: nothing. @throws UsageError */
function settingsOf({ allow, ask, ...options }: OnDemandOptions) {
  const asksPerMinute = count('--asks-per-minute', options.asksPerMinute)
  const namesPerDay = count('--names-per-day', options.namesPerDay)
  const most = count('--most', options.most)
  const given = {
    ...(allow && { allow }),
    ...(ask !== undefined && { ask }),
    ...(asksPerMinute !== undefined && { asksPerMinute }),
    ...(namesPerDay !== undefined && { namesPerDay }),
    ...(most !== undefined && { most }),
  }
  return Object.keys(given).length === 0 ? null : given
}

function show(app: string, view: OnDemandView): void {
  print(heading(`${app} Certificates on demand`))
  print(
    fields([
      ['On demand', view.on ? 'on' : 'off'],
      ['Allowed', view.allow.join(', ') || 'none by name'],
      ['Asked', view.ask ?? 'nothing: others are not allowed'],
      ['At most', `${view.asksPerMinute} looked at in a minute, ${view.namesPerDay} new in a day, ${view.most} in all`],
      ['Has', view.names.length === 0 ? 'none' : `${view.names.length}, see \`berth domains -a ${app}\``],
    ]),
  )
  if (view.verdicts.length > 0)
    print(
      table(
        view.verdicts.map(({ host, at, allowed, says }) => [
          formatTime(at),
          host,
          `${allowed ? 'allowed' : 'not allowed'}: ${says}`,
        ]),
      ),
    )
}

/** Adds `certs:on-demand`. */
export function addCertsOnDemand(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'certs:on-demand',
        summary:
          "give an app customers' hostnames, with a certificate each, when a client asks for one that is allowed; or show how it is",
        group: 'Certificates',
        examples: [
          'certs:on-demand -a shop',
          'certs:on-demand --ask /domains/allowed -a shop',
          "certs:on-demand --allow shop.customer.example '*.partner.example' -a shop",
          'certs:on-demand --off -a shop',
        ],
      }),
    ),
  )
    .option('--allow <hosts...>', 'hostnames that are allowed, wildcards too')
    .option('--ask <url>', 'https URL, or path of the app, that is asked about all others')
    .option('--asks-per-minute <count>', 'hostnames that are looked at in a minute (10)')
    .option('--names-per-day <count>', 'hostnames that the app is given in a day (50)')
    .option('--most <count>', 'hostnames that it may have so (1000)')
    .option('--off', 'it is given no more; those that it has stay')
    .action(async (options: OnDemandOptions) => {
      const settings = settingsOf(options)
      if (options.off && settings !== null) throw new UsageError('--off and other options contradict each other')
      const { client, app } = await openApp(options)
      const view = options.off
        ? await client.onDemand.off({ app })
        : settings === null
          ? await client.onDemand.info({ app })
          : await client.onDemand.set({ app, ...settings })
      if (options.json) printJson(view)
      else if (options.off) say(`${app} is given no hostnames on demand any more; those that it has stay`)
      else if (settings === null) show(app, view)
      else
        say(`${app} is given hostnames that no app has, once they are allowed and lead here, with a certificate each`)
    })
}
