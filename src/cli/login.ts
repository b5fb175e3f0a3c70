import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { createClient } from '../api/client.js'
import {
  checkUrl,
  forgetCredentials,
  readCredentials,
  writeAuthority,
  writeCredentials,
  type Credentials,
} from '../credentials.js'
import { BerthError, messageOf } from '../errors.js'
import { addCommand } from './command.js'
import { printJson, say } from './output.js'
import { readPassword } from './password.js'
import { withJson, type JsonOptions } from './session.js'

const group = 'Access'

/** Certificates of a PEM file. @throws BerthError `invalid` of one that has none */
async function readAuthority(file: string): Promise<string> {
  let text
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new BerthError('invalid', `${file} cannot be read`, messageOf(error), error)
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch (error) {
    throw new BerthError('invalid', `${file} holds a certificate that cannot be read`, messageOf(error), error)
  }
  if (blocks.length === 0)
    throw new BerthError('invalid', `${file} holds no certificate`, 'it is PEM: -----BEGIN CERTIFICATE-----')
  return `${blocks.join('\n')}\n`
}

/** `berth.example.com` is that by HTTPS. */
const urlOf = (text: string): string => checkUrl(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`, 'the argument')

/** Tries them. @throws BerthError what the server says, or why there is none */
const tryOut = (access: Credentials): Promise<unknown> => createClient(access).apps.list({})

function addLogin(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'login',
      summary: 'use a Berth that runs elsewhere, with a token that is read from standard input',
      group,
      examples: [
        'login https://berth.example.com < token.txt',
        'login https://berth.example.com:8443 --ca ca.pem < token.txt',
      ],
    }),
  )
    .argument('<url>', 'where it is: https://berth.DOMAIN')
    .option(
      '--ca <file>',
      'PEM file of those who vouch for its certificate, where this machine does not know them; it is kept',
    )
    .action(async (text: string, { ca: file, json }: JsonOptions & { readonly ca?: string }) => {
      const url = urlOf(text)
      const pem = file === undefined ? undefined : await readAuthority(file)
      const token = await readPassword(`berth login ${url} < token.txt`, 'token')
      const given = { url, token }
      await tryOut(file === undefined ? given : { ...given, ca: resolve(file) })
      const ca = pem === undefined ? {} : { ca: await writeAuthority(url, pem) }
      await writeCredentials({ ...given, ...ca })
      if (json) printJson({ url, ...ca })
      else
        say(`Logged in at ${url}${url.startsWith('http:') ? ': by plain HTTP, which others on the way can read' : ''}`)
    })
}

function addLogout(program: Command): void {
  withJson(
    addCommand(program, {
      name: 'logout',
      summary: 'forget the token that this machine has; `berth tokens:revoke` makes it worthless everywhere',
      group,
      examples: ['logout'],
    }),
  ).action(async ({ json }: JsonOptions) => {
    const known = await readCredentials({ ...process.env, BERTH_URL: undefined, BERTH_TOKEN: undefined })
    if (known === null) throw new BerthError('missing', 'no Berth is known here', '`berth login URL` makes one known')
    await forgetCredentials(known)
    if (json) printJson({ url: known.url })
    else say(`Forgot the token for ${known.url}`)
  })
}

/** Which Berth this machine uses. */
export function registerLogin(program: Command): void {
  for (const add of [addLogin, addLogout]) add(program)
}
