import { Worker } from 'node:worker_threads'

/** It tells nobody: what it ends cannot listen. */
const code = `
const { workerData } = require('node:worker_threads')
setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData)`

/**
 * Kills this process unless it is disposed of within `ms`: for code of others that may never give the thread back. The supervisor
 * starts the process anew, which knows by then what to leave alone.
 */
export function watchdog(ms: number): Disposable {
  const worker = new Worker(code, { eval: true, workerData: ms, env: {}, execArgv: [] })
  worker.unref()
  return { [Symbol.dispose]: () => void worker.terminate() }
}
