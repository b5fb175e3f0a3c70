import { beginUnpack, jobs } from './porter-jobs.js'
import { letGo } from './files.js'
import type { Order } from './porter.js'
import { answers } from './thread.js'

let unpacking: ReturnType<typeof beginUnpack> | undefined

function obey(order: Order): unknown {
  switch (order.kind) {
    case 'job':
      return (jobs[order.name] as (task: unknown) => unknown)(order.task)
    case 'unpack':
      unpacking = beginUnpack(order.task)
      return undefined
    case 'chunk':
      unpacking?.push(Buffer.from(order.chunk.buffer, order.chunk.byteOffset, order.chunk.byteLength))
      return undefined
    case 'end':
      return unpacking?.end()
    case 'abort':
      unpacking?.abort()
      return undefined
  }
}

/** What is kept open of one job is none of the next, and must not keep a removed directory on the disk. */
function obeyAndLetGo(order: Order): unknown {
  try {
    return obey(order)
  } finally {
    letGo()
  }
}

answers(obeyAndLetGo, () => unpacking?.abort())
