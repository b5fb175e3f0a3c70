import type Docker from 'dockerode'
import { nodeMajors } from '../buildpacks/node-version.js'
import type { Config } from '../config.js'
import { BerthError, messageOf } from '../errors.js'
import { statusOf, wordsOf } from '../scheduler/engine.js'
import { buildContext } from './context.js'
import { events } from './events.js'
import { nodeRoot } from './node-root.js'

const from = /^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)/gim
const nodeName = /^(?:docker\.io\/)?(?:library\/)?node:(\d+)-(?:bookworm-)?slim$/

const making = new Map<string, Promise<void>>()

/** The Node.js images a Dockerfile begins with that Berth knows how to make: image name -> major. */
export function nodeImagesOf(dockerfile: string): Map<string, number> {
  const names = [...dockerfile.matchAll(from)].map(([, name = '']) => name)
  const found = names.flatMap((name): [string, number][] => {
    const major = Number(nodeName.exec(name)?.[1])
    return nodeMajors.includes(major) ? [[name, major]] : []
  })
  return new Map(found)
}

/**
 * Sees to it that the engine has the Node.js images a Dockerfile begins with. An engine of its own pulls them if it can;
 * otherwise, and on Berth's own, they are made here from Debian and the npm packages of Node.js and npm, and tagged with
 * the official names, so that the Dockerfile builds anywhere.
 */
export async function ensureStack(
  { config, docker }: { readonly config: Config; readonly docker: Docker },
  dockerfile: string,
  say: (line: string) => void,
): Promise<void> {
  for (const [name, major] of nodeImagesOf(dockerfile)) {
    if (await exists(docker, name)) continue
    if (!config.ownEngine && (await pulls(docker, name))) continue
    const key = `${config.engineSocket} ${name}`
    const running = making.get(key) ?? make({ config, docker }, name, major, say).finally(() => making.delete(key))
    making.set(key, running)
    await running
  }
}

async function exists(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).inspect()
    return true
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw new BerthError(
      'unavailable',
      `the container engine does not answer: ${wordsOf(error)}`,
      'see `berth logs` of the engine, then push again',
      error,
    )
  }
}

async function pulls(docker: Docker, name: string): Promise<boolean> {
  try {
    for await (const event of events(await docker.pull(name))) if (event.error !== undefined) return false
    return true
  } catch {
    return false
  }
}

async function make(
  { config, docker }: { readonly config: Config; readonly docker: Docker },
  name: string,
  major: number,
  say: (line: string) => void,
): Promise<void> {
  say(`Making the stack image ${name} (once a machine; takes a minute)`)
  try {
    await using root = await nodeRoot(config.cache, major)
    const dockerfile = [
      'FROM debian:bookworm-slim',
      'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
      'COPY . /',
      `ENV NODE_VERSION=${root.version}`,
      'CMD ["node"]',
      '',
    ].join('\n')
    const context = buildContext(root.directory, 'Dockerfile.stack', [{ name: 'Dockerfile.stack', text: dockerfile }])
    const output = await docker.buildImage(context, { t: name, dockerfile: 'Dockerfile.stack', forcerm: true })
    for await (const event of events(output)) if (event.error !== undefined) throw new Error(event.error.trim())
    say(`Made ${name} with Node.js ${root.version}, npm ${root.npmVersion}`)
  } catch (error) {
    throw new BerthError(
      'unavailable',
      `the stack image ${name} could not be made: ${messageOf(error)}`,
      'the npm registry and the Debian mirror must be within reach the first time; then push again',
      error,
    )
  }
}
