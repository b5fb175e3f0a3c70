import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { CertView } from '../api/contract.js'
import { BerthError, messageOf } from '../errors.js'
import { openCerts, withPlatform, type PlatformOptions } from './certs-of.js'
import { addCertsOnDemand } from './certs-on-demand.js'
import { addCommand } from './command.js'
import { UsageError } from './failure.js'
import { fields, formatTime, heading, print, printJson, say, table } from './output.js'
import { withJson, type JsonOptions } from './session.js'

const group = 'Certificates'

/** `2027-02-28 (in 89 days)` */
export function formatExpiry(rfc3339: string, now = Date.now()): string {
  const days = Math.floor((Date.parse(rfc3339) - now) / 86_400_000)
  const day = rfc3339.slice(0, 10)
  if (days < 0) return `${day} (EXPIRED)`
  return `${day} (in ${days} day${days === 1 ? '' : 's'})`
}

const sources = { own: 'brought', acme: 'ordered' } as const

const row = (one: CertView): string[] => [
  one.id,
  one.names.join(', '),
  formatExpiry(one.notAfter),
  `${sources[one.source]}, by ${one.issuer}`,
  one.serves.length === 0 ? 'serves nothing' : '',
]

function addCerts(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs',
        summary: 'list the certificates of an app, and when they expire',
        group,
        examples: ['certs -a blog', 'certs --platform --json'],
      }),
    ),
  )
    .alias('certs:list')
    .action(async (options: PlatformOptions & JsonOptions) => {
      const { certs, name } = await openCerts(options)
      const all = await certs.list({})
      if (options.json) printJson(all)
      else if (all.length === 0)
        say(`${name} has no certificates; \`berth certs:auto on\` has them ordered, \`berth certs:add\` brings one`)
      else {
        print(heading(`${name} Certificates`))
        print(table([['ID', 'Names', 'Expires', 'Source', ''], ...all.map(row)]))
      }
    })
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new BerthError('invalid', `${file} cannot be read`, messageOf(error), error)
  }
}

function addCertsAdd(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs:add',
        summary: 'bring a certificate that somebody else issued; it is shown to clients at once',
        group,
        examples: ['certs:add fullchain.pem privkey.pem -a blog', 'certs:add fullchain.pem privkey.pem --platform'],
      }),
    ),
  )
    .argument('<chain>', 'PEM file: the certificate, then those that vouch for it')
    .argument('<key>', 'PEM file of its private key, not encrypted')
    .action(async (chainFile: string, keyFile: string, options: PlatformOptions & JsonOptions) => {
      const { certs, name } = await openCerts(options)
      const [chain, key] = [await readPem(chainFile), await readPem(keyFile)]
      const one = await certs.add({ chain, key })
      if (options.json) printJson(one)
      else say(`Added ${one.id} to ${name}, for ${one.names.join(', ')}; it expires ${formatExpiry(one.notAfter)}`)
    })
}

function addCertsInfo(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs:info',
        summary: 'describe a certificate; its private key is shown to nobody',
        group,
        examples: ['certs:info 1a2b3c4d5e6f -a blog'],
      }),
    ),
  )
    .argument('<id>', 'as `berth certs` shows it')
    .action(async (cert: string, options: PlatformOptions & JsonOptions) => {
      const { certs, name } = await openCerts(options)
      const info = await certs.info({ cert })
      if (options.json) {
        printJson(info)
        return
      }
      print(heading(`${name} ${info.id}`))
      print(
        fields([
          ['Names', info.names.join(', ')],
          ['Serves', info.serves.join(', ') || 'nothing'],
          ['Valid from', formatTime(info.notBefore)],
          ['Expires', `${formatTime(info.notAfter)}, ${formatExpiry(info.notAfter).slice(11)}`],
          ['Source', `${sources[info.source]}, by ${info.issuer}`],
          ['Key', info.key],
          ['Serial', info.serial],
          ['SHA-256', info.fingerprint],
          ...info.chain.map((one, at): [string, string] => [`Chain ${String(at + 1)}`, one]),
        ]),
      )
    })
}

function addCertsRemove(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs:remove',
        summary: 'take a certificate from an app, at once',
        group,
        examples: ['certs:remove 1a2b3c4d5e6f -a blog'],
      }),
    ),
  )
    .argument('<id>', 'as `berth certs` shows it')
    .action(async (cert: string, options: PlatformOptions & JsonOptions) => {
      const { certs, name } = await openCerts(options)
      const gone = await certs.remove({ cert })
      if (options.json) printJson(gone)
      else say(`Removed ${gone.id}, for ${gone.names.join(', ')}, from ${name}`)
    })
}

function addCertsAuto(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs:auto',
        summary:
          "have certificates ordered for all hostnames of an app, and renewed: by that you agree to the CA's terms",
        group,
        examples: ['certs:auto on -a blog', 'certs:auto off', 'certs:auto on --platform'],
      }),
    ),
  )
    .argument('<on|off>')
    .action(async (word: string, options: PlatformOptions & JsonOptions) => {
      if (word !== 'on' && word !== 'off') throw new UsageError(`"${word.slice(0, 40)}" is neither on nor off`)
      const { certs, name } = await openCerts(options)
      const done = await certs.auto({ auto: word === 'on' })
      if (options.json) {
        printJson(done)
        return
      }
      for (const { host, why } of done.not) say(`No certificate is ordered for ${host}: ${why}`)
      if (!done.auto)
        say(`No certificates are ordered for ${name} any more; those that it has serve on until they expire`)
      else if (done.hosts.length > 0)
        say(
          `Ordering certificates for ${done.hosts.join(', ')}; \`berth domains${options.platform ? ' --platform' : ''}\` says how it goes`,
        )
      else if (options.platform) say('Berth has no hostname that a CA issues certificates for: see BERTH_DOMAIN')
      else say(`${name} has no hostname to order a certificate for; \`berth domains:add\` gives it one`)
    })
}

function addCertsRenew(program: Command): void {
  withJson(
    withPlatform(
      addCommand(program, {
        name: 'certs:renew',
        summary: 'have certificates ordered anew now, also where it has failed and is waited for',
        group,
        examples: ['certs:renew -a blog', 'certs:renew www.example.org'],
      }),
    ),
  )
    .argument('[host]', 'default all hostnames')
    .action(async (host: string | undefined, options: PlatformOptions & JsonOptions) => {
      const { certs, name } = await openCerts(options)
      const { hosts } = await certs.renew(host === undefined ? {} : { host })
      if (options.json) printJson({ hosts })
      else say(hosts.length === 0 ? `${name} has no orders` : `Ordering certificates for ${hosts.join(', ')}`)
    })
}

export function registerCerts(program: Command): void {
  for (const add of [
    addCerts,
    addCertsAdd,
    addCertsAuto,
    addCertsOnDemand,
    addCertsRenew,
    addCertsInfo,
    addCertsRemove,
  ])
    add(program)
}
