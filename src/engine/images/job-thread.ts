import { beginUnpack, jobs } from './jobs.js'
import { letGo } from './files.js'
import type { JobMessage } from './job-pool.js'
import { handleMessages } from '../kernel/thread.js'

let unpacking: ReturnType<typeof beginUnpack> | undefined

function handle(message: JobMessage): unknown {
  switch (message.kind) {
    case 'job':
      return (jobs[message.name] as (task: unknown) => unknown)(message.task)
    case 'unpack':
      unpacking = beginUnpack(message.task)
      return undefined
    case 'chunk':
      unpacking?.push(Buffer.from(message.chunk.buffer, message.chunk.byteOffset, message.chunk.byteLength))
      return undefined
    case 'end':
      return unpacking?.end()
    case 'abort':
      unpacking?.abort()
      return undefined
  }
}

/** What is kept open of one job is none of the next, and must not keep a removed directory on the disk. */
function handleAndLetGo(message: JobMessage): unknown {
  try {
    return handle(message)
  } finally {
    letGo()
  }
}

handleMessages(handleAndLetGo, () => unpacking?.abort())
