import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import type { ApiClient } from '../../api/client.js'
import { composeMark } from '../../buildpacks/compose/mark.js'
import { BerthError, is } from '../../errors.js'
import { allOf } from '../../lib/all-of.js'
import { orMissing } from '../../lib/missing.js'
import { addCommand } from '../command.js'
import { UsageError } from '../failure.js'
import { hostKeyOption, readyForSsh } from '../git-ssh.js'
import { printJson, say } from '../output.js'
import { gitUrlOf } from '../repository.js'
import { openApp, withApp, withJson, type AppOptions, type JsonOptions } from '../session.js'
import { treeOfDirectory } from './directory.js'
import { importEntries } from './import.js'
import { fetchTree, keptSource } from './remote.js'
import { Workspace } from './workspace.js'

interface DeployOptions extends AppOptions, JsonOptions {
  readonly git?: string
  readonly hostKey?: string
  readonly image?: string
  readonly compose?: string
  readonly rebuild?: boolean
}

/** What is deployed: its tree in the workspace, and how it is called in the history. */
interface Source {
  readonly tree: string
  readonly title: string
}

/** As a reference of an image is written: nothing else gets into the Dockerfile. */
const imageReference = /^[a-z0-9][\w.:/@-]{0,511}$/

/** Deploys what is no repository, or another one, by a push of a commit made for it. */
export function registerDeploy(program: Command): void {
  withJson(
    withApp(
      addCommand(program, {
        name: 'deploy',
        summary:
          'deploy a directory, an archive (tar, tar.gz, tar.zst, zip), another git repository, an image, or a compose file',
        group: 'Apps',
        examples: [
          'deploy -a blog',
          'deploy site.tar.gz -a blog',
          'deploy --git https://git.example/me/blog.git#v2 -a blog',
          'deploy --git git@git.example:me/blog.git#main -a blog',
          'deploy --image registry.example/blog:2 -a blog',
          'deploy --compose compose.yaml -a blog',
        ],
      }),
    ),
  )
    .argument('[source]', 'a directory or an archive; - is an archive on standard input; default: this directory')
    .option(
      '--git <url#ref>',
      'a git repository, and a branch, a tag or a whole commit id of it; `git:sync` fetches it again',
    )
    .option('--host-key <key>', hostKeyOption[1])
    .option('--image <name>', 'an image; as Dockerfile `FROM <name>`')
    .option(
      '--compose <file>',
      'a compose file; its services are the app, with the files of its directory, or of the one named',
    )
    .option('--rebuild', 'build it although it runs already')
    .action(deploy)
}

async function deploy(path: string | undefined, options: DeployOptions): Promise<void> {
  // a directory beside a compose file is where its files are
  const plain = options.compose === undefined ? path : undefined
  const asked = [plain, options.git, options.image, options.compose].filter((one) => one !== undefined)
  if (asked.length > 1) throw new UsageError(`${asked.join(' and ')}: one thing is deployed at a time`)
  const { client, credentials, app } = await openApp(options)
  const about = client.apps.info({ app })
  // an app that is not known here may be one that there is not
  if (!(await Workspace.isThere(credentials, app))) await about
  const gitUrl = gitUrlOf(app, credentials.url)
  await using workspace = await Workspace.open(credentials, app)
  const [{ deployBranch }, { tree, title }, tips, env] = await allOf([
    about,
    sourceOf(workspace, path, options),
    tipsOf(workspace, gitUrl),
    identityOf(workspace),
  ])
  const branch = await branchOf(workspace, gitUrl, {
    tips,
    names: deployBranch === null ? ['main', 'master'] : [deployBranch],
  })
  const commit = await commitOf(workspace, tree, title, { parent: branch.tip, env })
  say(`Deploying ${title} to ${app}`)
  const ref = `refs/heads/${branch.name}`
  const wishes = [...(options.rebuild ? ['rebuild'] : []), ...(options.image === undefined ? [] : ['pull'])]
  await allOf([
    push(workspace, [...wishes.map((one) => `--push-option=${one}`), gitUrl, `${commit}:${ref}`]),
    // keeps what the next deploy need not send
    workspace.git(['update-ref', 'refs/berth/deployed', commit]),
  ])
  const from = options.git === undefined ? null : keptSource(options.git)
  const kept = from && (await keep(client, app, from, options.hostKey))
  if (options.json) printJson({ app, branch: branch.name, commit, tree, source: kept })
}

type GitSource = NonNullable<ReturnType<typeof keptSource>>

/** What was deployed is remembered: the server can fetch it again. */
async function keep(
  client: ApiClient,
  app: string,
  source: GitSource,
  hostKey: string | undefined,
): Promise<GitSource | null> {
  try {
    await readyForSsh(client, app, source.url, hostKey)
    await client.git.update({ app, source })
  } catch (error) {
    const known = (['invalid', 'denied', 'conflict', 'unavailable'] as const).some((fault) => is(error, fault))
    if (!known || !(error instanceof BerthError)) throw error
    say(`It is deployed, and not kept: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
    return null
  }
  say(
    `Kept: \`berth git:sync -a ${app}\` has the server fetch it again, \`berth git:webhook -a ${app}\` whenever it is pushed to`,
  )
  return source
}

async function push(workspace: Workspace, args: readonly string[]): Promise<void> {
  let said = ''
  try {
    await workspace.git(['push', '--quiet', ...args], { shown: (text) => void (said += text) })
  } catch (error) {
    // what the server said of it is on the terminal
    if (!said.includes('[remote rejected]')) throw error
    throw new BerthError('broken', 'it was not deployed', 'the reason is above; what ran before goes on')
  }
}

async function sourceOf(workspace: Workspace, given: string | undefined, options: DeployOptions): Promise<Source> {
  const { git, image, compose } = options
  if (git !== undefined) return fetchTree(workspace, git)
  if (image !== undefined) return { tree: await treeOfImage(workspace, image), title: image }
  if (compose !== undefined) return treeOfCompose(workspace, resolve(compose), resolve(given ?? dirname(compose)))
  const path = given ?? '.'
  const found = path === '-' ? null : await stat(path).catch(orMissing(undefined))
  if (found === undefined) throw new UsageError(`there is no ${path}`, 'a directory or an archive is deployed')
  if (found?.isDirectory() !== true)
    return { tree: await treeOfArchive(workspace, path), title: path === '-' ? 'an archive' : path }
  const directory = resolve(path)
  const tree = await treeOfDirectory(workspace, directory)
  await workspace.keepIndex()
  return { tree, title: directory }
}

async function treeOfArchive(workspace: Workspace, path: string): Promise<string> {
  const { entriesOfArchive } = await import('./archive.js') // loads what reads archives
  return importEntries(workspace, entriesOfArchive(path))
}

/** The tree of a directory, with a mark in it of the compose file that is deployed. */
async function treeOfCompose(workspace: Workspace, file: string, directory: string): Promise<Source> {
  const path = relative(directory, file).split(sep).join('/')
  if (path === '..' || path.startsWith('../') || isAbsolute(path))
    throw new UsageError(`${file} is not in ${directory}`, 'name a directory that it is in')
  if ((await stat(file).catch(orMissing(undefined)))?.isFile() !== true)
    throw new UsageError(`there is no file ${file}`, 'a compose file is deployed')
  const files = await treeOfDirectory(workspace, directory)
  if (!(await workspace.git(['cat-file', '-e', `${files}:${path}`]).then(() => true, absent)))
    throw new UsageError(`git ignores ${file}`, 'take it out of .gitignore')
  const tree = await workspace.treeWith(composeMark, `${path}\n`)
  await workspace.keepIndex()
  return { tree, title: file }
}

async function treeOfImage(workspace: Workspace, image: string): Promise<string> {
  if (!imageReference.test(image))
    throw new UsageError(`${image} is no name of an image`, 'NAME, NAME:TAG or NAME@sha256:…')
  const text = `FROM ${image}\n`
  const blob = await workspace.git(['hash-object', '-w', '--stdin'], { input: text })
  return workspace.git(['mktree'], { input: `100644 blob ${blob}\tDockerfile\n` })
}

/** What the server's branches are at, by their names. */
async function tipsOf(workspace: Workspace, url: string): Promise<ReadonlyMap<string, string>> {
  const listed = await workspace.git(['ls-remote', '--heads', url])
  const lines = listed.split('\n').map((line) => line.split('\trefs/heads/'))
  return new Map(lines.map(([tip = '', name = '']) => [name, tip]))
}

/** The branch that deploys, and what it is at on the server; the commit goes on from there, for others to fetch. */
async function branchOf(
  workspace: Workspace,
  url: string,
  { tips, names }: { readonly tips: ReadonlyMap<string, string>; readonly names: readonly string[] },
): Promise<{ name: string; tip: string | null }> {
  const name = names.find((one) => tips.has(one)) ?? names[0] ?? 'main'
  const tip = tips.get(name) ?? null
  const isHere = tip === null || (await workspace.git(['cat-file', '-e', `${tip}^{commit}`]).then(() => true, absent))
  if (!isHere) await workspace.git(['fetch', '--quiet', '--no-tags', '--depth=1', url, tip])
  return { name, tip }
}

/** git says no to what it has not got. */
function absent(error: unknown): false {
  if (is(error, 'broken')) return false
  throw error
}

/** For git's environment: who commits, where git does not know. */
async function identityOf(workspace: Workspace): Promise<Record<string, string>> {
  const isKnown = await workspace.git(['var', 'GIT_COMMITTER_IDENT']).then(() => true, absent)
  const nobody = { NAME: 'berth deploy', EMAIL: 'berth@localhost' }
  const fields = ['AUTHOR', 'COMMITTER'].flatMap((who) =>
    Object.entries(nobody).map(([field, value]) => [`GIT_${who}_${field}`, value]),
  )
  return isKnown ? {} : (Object.fromEntries(fields) as Record<string, string>)
}

async function commitOf(
  workspace: Workspace,
  tree: string,
  title: string,
  { parent, env }: { readonly parent: string | null; readonly env: Readonly<Record<string, string>> },
): Promise<string> {
  const parents = parent === null ? [] : ['-p', parent]
  return workspace.git(['commit-tree', tree, ...parents, '-m', `Deploy ${title}`], { env })
}
