/**
 * Image sizes: each example as it lies beside the same with the multi-stage Dockerfile that its language's own documentation
 * gives (bench/images/<example>.Dockerfile), on the same base images, both pushed to one Berth. At most 1.05 times.
 * `npm run bench:images [-- EXAMPLE...]`; as root, all that have such a Dockerfile without arguments.
 */
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { connectEngine } from '../src/engine-client/client.js'
import { createApp, startInstance, type Instance, type Repository } from '../test/e2e/instance.js'

const bar = 1.05
const usual = fileURLToPath(new URL('images', import.meta.url))

/** Pushes it. @returns bytes of the image that the release has */
async function sizeOf(berth: Instance, repo: Repository): Promise<number> {
  const app = await createApp(berth, repo, 'size')
  const push = await repo.push()
  if (push.code !== 0) throw new Error(push.stderr)
  const { stdout } = await berth.berth(['releases:info', '--json', '-a', app])
  const { image } = JSON.parse(stdout) as { image: string }
  const size = (await connectEngine(berth.config).images.inspect(image))?.Size
  if (size === undefined) throw new Error('its image is gone')
  return size
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(8)

const asked = process.argv.slice(2)
const all = (await readdir(usual)).map((file) => file.replace('.Dockerfile', '')).sort()
await using berth = await startInstance()
console.log(`${'example'.padEnd(20)}   Berth    usual   ratio   (MB; at most ${String(bar)})`)
for (const name of asked.length > 0 ? asked : all) {
  try {
    const ours = await sizeOf(berth, await berth.example(name))
    const repo = await berth.example(name)
    await repo.commit({ Dockerfile: await readFile(`${usual}/${name}.Dockerfile`, 'utf8') })
    const theirs = await sizeOf(berth, repo)
    const ratio = ours / theirs
    console.log(
      `${name.padEnd(20)}${megabytes(ours)} ${megabytes(theirs)}   ${ratio.toFixed(3)}${ratio > bar ? '  !' : ''}`,
    )
    if (ratio > bar) process.exitCode = 1
  } catch (error) {
    console.log(`${name.padEnd(20)} ${error instanceof Error ? error.message.slice(-1500) : String(error)}`)
    process.exitCode = 1
  }
}
