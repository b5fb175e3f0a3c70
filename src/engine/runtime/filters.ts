import { readFile } from 'node:fs/promises'
import { codeOf, messageOf } from '../errors.js'

/** An OCI configuration, as far as its system call filter goes. */
export interface Filtered {
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux: { readonly seccomp?: object; readonly [other: string]: unknown }
  readonly [other: string]: unknown
}

/** crun(1): the filter as seccomp(2) takes it, in base64; the configuration's own is not looked at then. */
const annotation = 'run.oci.seccomp_bpf_data'
/** There are as many as there are sets of capabilities and profiles that clients send: few. */
const most = 16

const compiled = new Map<string, string>()
const keyOf = ({ linux: { seccomp } }: Filtered): string | undefined => seccomp && JSON.stringify(seccomp)

/** The configuration with its filter as an earlier container's runtime compiled it: that takes crun 6 to 9 ms each time. */
export function withFilter<T extends Filtered>(spec: T): T {
  const filter = compiled.get(keyOf(spec) ?? '')
  return filter === undefined ? spec : { ...spec, annotations: { ...spec.annotations, [annotation]: filter } }
}

/** @param path where the runtime has left the filter that it compiled for this configuration, if it did */
export async function rememberFilter(spec: Filtered, path: string): Promise<void> {
  const key = keyOf(spec)
  if (key === undefined || compiled.has(key)) return
  const filter = await readFile(path).catch((error: unknown) => {
    // it is compiled again: no container fails for it
    if (codeOf(error) !== 'ENOENT') console.error(`the filter ${path} is not kept: ${messageOf(error)}`)
    return undefined
  })
  if (!filter?.length) return
  const [oldest] = compiled.keys()
  if (compiled.size >= most && oldest !== undefined) compiled.delete(oldest)
  compiled.set(key, filter.toString('base64'))
}
