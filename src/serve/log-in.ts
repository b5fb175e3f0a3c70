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

/** Makes tokens for root and for who ran sudo, unless those they have are good, and keeps them where the CLI and git look. */
export async function logIn(config: Config, say: (line: string) => void): Promise<void> {
  await using store = await openStore(config, false)
  const person = await sudoer()
  // what the environment says of another server does not matter here
  const env = { ...process.env, BERTH_URL: undefined, BERTH_TOKEN: undefined }
  const own: Keeper = {
    name: process.env.SUDO_UID === undefined ? (process.env.USER ?? 'root') : 'root',
    read: () => readCredentials(env),
    write: (credentials) => writeCredentials(credentials, env),
  }
  if (!person || process.env.BERTH_CONFIG_DIR || !sharesHome(person)) await letIn(config, store, own, say)
  if (!person) return
  const theirs: Keeper = {
    name: person.name,
    read: async () => JSON.parse(await asPerson(person, ['read'])) as Credentials | null,
    write: async (credentials) => {
      await asPerson(person, ['write'], JSON.stringify(credentials))
    },
  }
  try {
    await letIn(config, store, theirs, say)
  } catch (error) {
    say(`No access token for ${person.name}: ${messageOf(error)}`)
    say(`With one that \`sudo bin/berth tokens:create\` makes, they can set BERTH_URL=${config.url} and BERTH_TOKEN`)
  }
}

async function letIn(config: Config, store: Store, keeper: Keeper, say: (line: string) => void): Promise<void> {
  const known = await keeper.read()
  const good = known !== null && (await store.tokens.verify(known.token)) !== null
  if (good && known.url === config.url) return
  if (good) return keeper.write({ url: config.url, token: known.token }) // its address has changed
  const token = await store.tokens.create(keeper.name)
  await keeper.write({ url: config.url, token: token.reveal() })
  say(`Made an access token for ${keeper.name}`)
}
