import { parentPort } from 'node:worker_threads'
import { codeOf, EngineError, type Fault, messageOf } from '../errors.js'
import { beginUnpack, jobs } from './porter-jobs.js'
import type { Answer, Order } from './porter.js'

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

async function answer(order: Order): Promise<Answer> {
  try {
    const value = obey(order)
    return { ok: true, value: value instanceof Promise ? await value : value }
  } catch (error) {
    unpacking?.abort()
    const fault = faultOf(error)
    const message = fault === 'full' ? `no space left on device: ${messageOf(error)}` : messageOf(error)
    return { ok: false, fault, message }
  }
}

/** Names too long for the disk are the archive's fault, a full disk is nobody's. */
function faultOf(error: unknown): Fault {
  if (error instanceof EngineError) return error.fault
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : code === 'ENAMETOOLONG' ? 'invalid' : 'broken'
}

// A chunk is dealt with before the next is looked at, and answers go in the order of the orders: only a job, which is
// alone on its thread, ever waits.
parentPort?.on('message', (order: Order) => void answer(order).then((told) => parentPort?.postMessage(told)))
