import { UsageError } from '../failure.js'
import { sshHost } from '../git-ssh.js'
import { joinSource, splitSource } from '../git-sync.js'
import type { Workspace } from './workspace.js'

/** Seconds after which git gives up a server that sends nothing. */
const silence = 30

/**
 * The tree of another repository at a branch, a tag or a commit (its default branch without). It is fetched from here, with what
 * this machine's git knows of credentials, so the server need not reach it, nor know them.
 * @param source `URL#ref`
 * @throws UsageError for an address that is none
 */
export async function fetchTree(workspace: Workspace, source: string): Promise<{ tree: string; title: string }> {
  const { url, ref: named } = splitSource(source)
  const ref = named ?? 'HEAD'
  if (url === '' || url.startsWith('-') || ref.startsWith('-') || /[\s\0:^~?*[\\]/.test(ref))
    throw new UsageError(`${source} is no repository and branch`, 'write it as https://HOST/REPOSITORY.git#BRANCH')
  const slow = ['-c', 'http.lowSpeedLimit=1', '-c', `http.lowSpeedTime=${String(silence)}`]
  const shown = URL.canParse(url) ? withoutSecrets(new URL(url)) : url
  const options = { shown: () => undefined, elsewhere: shown }
  await workspace.git([...slow, 'fetch', '--no-tags', '--depth=1', url, ref], options)
  const [commit = '', tree = ''] = (
    await workspace.git(['rev-parse', 'FETCH_HEAD^{commit}', 'FETCH_HEAD^{tree}'])
  ).split('\n')
  return { tree, title: `${joinSource({ url: shown, ref: named })} at ${commit.slice(0, 12)}` }
}

/**
 * What the server can be told to fetch by itself: what is reached over HTTP, without the password that this machine may have for
 * it, or over SSH. null for anything else.
 */
export function keptSource(source: string): { url: string; ref: string | null } | null {
  const { url, ref } = splitSource(source)
  if (sshHost(url) !== null) return { url, ref }
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? { url: withoutSecrets(new URL(url)), ref } : null
}

function withoutSecrets(url: URL): string {
  url.username = ''
  url.password = ''
  return url.href
}
