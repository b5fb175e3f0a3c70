import { z } from 'zod'
import { BerthError } from '../../errors.js'
import { parseJsonc } from '../jsonc.js'
import type { Tree } from '../tree.js'

const Task = z.union([z.string(), z.looseObject({ command: z.string().optional() })])

/** The part of a deno.json that decides how an app is built and run. */
const DenoJson = z.looseObject({
  tasks: z.record(z.string(), Task).default({}),
  imports: z.record(z.string(), z.unknown()).default({}),
  importMap: z.string().optional(),
  workspace: z.unknown().optional(),
  vendor: z.boolean().optional(),
  permissions: z.looseObject({ default: z.unknown().optional() }).optional(),
})

/** A deno.json, and the name that it has. */
export interface DenoJson extends z.infer<typeof DenoJson> {
  /** Null where there is none: a deno.lock alone. */
  readonly file: string | null
}

/** What an app's deno.json (or deno.jsonc) says. @throws SourceError when it is neither, BerthError for a wrong field */
export function readDenoJson(tree: Tree): DenoJson {
  const file = ['deno.json', 'deno.jsonc'].find((name) => tree.hasFile(name)) ?? null
  const parsed = DenoJson.safeParse(file === null ? {} : parseJsonc(file, tree.read(file) ?? ''))
  if (!parsed.success)
    throw new BerthError('invalid', `${file ?? ''}: ${z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ')}`)
  return { ...parsed.data, file }
}

/** The line of a task; null where it has none. */
export function taskLine({ tasks }: DenoJson, name: string): string | null {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
  return (typeof task === 'string' ? task : task?.command) ?? null
}
