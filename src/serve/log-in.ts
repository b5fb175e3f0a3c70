import { readCredentials, writeCredentials, type Credentials } from '../credentials.js'
import type { Config } from '../config.js'
import { messageOf } from '../errors.js'
import { openStore, type Store } from '../store/store.js'
import { asPerson, sharesHome, sudoer } from './sudo.js'

/** Where somebody's credentials are kept. */
interface Keeper {
  readonly name: string
  read(): Promise<Credentials | null>
  write(credentials: Credentials): Promise<void>
}

/**
 * Makes tokens for root and for who ran sudo, unless those they have are good, and keeps them where the CLI and git look.
 * @returns where they find this Berth: by HTTPS where it takes nothing else
 */
export async function logIn(config: Config, say: (line: string) => void): Promise<string> {
  await using store = await openStore(config, false)
  const person = await sudoer()
  const { https } = await store.platform.choices()
  const at = { config, store, url: (https ? config.httpsUrl : undefined) ?? config.url }
  // what the environment says of another server does not matter here
  const env = { ...process.env, BERTH_URL: undefined, BERTH_TOKEN: undefined }
  const own: Keeper = {
    name: process.env.SUDO_UID === undefined ? (process.env.USER ?? 'root') : 'root',
    read: () => readCredentials(env),
    write: (credentials) => writeCredentials(credentials, env),
  }
  if (!person || process.env.BERTH_CONFIG_DIR || !sharesHome(person)) await letIn(at, own, say)
  if (!person) return at.url
  const theirs: Keeper = {
    name: person.name,
    read: async () => JSON.parse(await asPerson(person, ['read'])) as Credentials | null,
    write: async (credentials) => {
      await asPerson(person, ['write'], JSON.stringify(credentials))
    },
  }
  try {
    await letIn(at, theirs, say)
  } catch (error) {
    say(`No access token for ${person.name}: ${messageOf(error)}`)
    say(`With one that \`sudo bin/berth tokens:create\` makes, they can set BERTH_URL=${at.url} and BERTH_TOKEN`)
  }
  return at.url
}

async function letIn(
  { config, store, url }: { readonly config: Config; readonly store: Store; readonly url: string },
  keeper: Keeper,
  say: (line: string) => void,
): Promise<void> {
  const known = await keeper.read()
  const good = known !== null && (await store.tokens.verify(known.token)) !== null
  if (good && (known.url === url || known.url === config.httpsUrl)) return
  if (good) return keeper.write({ ...known, url }) // its address has changed
  const token = await store.tokens.create(keeper.name)
  await keeper.write({ url, token: token.reveal() })
  say(`Made an access token for ${keeper.name}`)
}
