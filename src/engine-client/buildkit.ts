import { createRequire } from 'node:module'
import type { Type } from 'protobufjs'

/** What of BuildKit's StatusResponse (moby/buildkit, control.proto) tells a person how a build goes on. */
interface BuildkitStatus {
  readonly vertexes: readonly {
    readonly name: string
    readonly started?: object | null
    readonly completed?: object | null
  }[]
  readonly logs: readonly { readonly msg: Uint8Array }[]
}

/** Id of the messages in a build's answer that carry a StatusResponse, base64, as `aux`. */
export const traceId = 'moby.buildkit.trace'

let statusType: Promise<Type> | undefined

/** What BuildKit tells in a trace message, as the plain builder would have put it; '' is nothing. */
export async function traceText(aux: string): Promise<string> {
  const status = await (statusType ??= loadStatusType())
  const { vertexes, logs } = status.decode(Buffer.from(aux, 'base64')) as unknown as BuildkitStatus
  const begun = vertexes.filter(
    ({ name, started, completed }) => started && !completed && !name.startsWith('[internal]'),
  )
  return [...begun.map(({ name }) => `${name}\n`), ...logs.map(({ msg }) => Buffer.from(msg).toString())].join('')
}

/** Loaded at the first use: most servers never see a BuildKit. dockerode's own decoder garbles the logs. */
async function loadStatusType(): Promise<Type> {
  const { default: protobuf } = await import('protobufjs')
  const file = createRequire(import.meta.url).resolve('dockerode/lib/proto/buildkit_status.proto')
  return (await protobuf.load(file)).lookupType('moby.buildkit.v1.StatusResponse')
}
