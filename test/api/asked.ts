import { expect } from 'chai'
import { contract, type OperationView } from '../../src/api/contract.js'
import { is, type BerthError, type Fault } from '../../src/errors.js'
import type { Rig } from './rig.js'

/** What a promise was refused with. */
export async function refusal(promise: Promise<unknown>): Promise<BerthError> {
  try {
    await promise
  } catch (error) {
    return error as BerthError
  }
  throw new Error('it was not refused')
}

/** Expects a refusal of one kind, in words for a person. */
export async function expectFault(promise: Promise<unknown>, fault: Fault, words: RegExp): Promise<void> {
  const error = await refusal(promise)
  expect(is(error, fault), `${error.fault}: ${error.message}`).to.equal(true)
  expect(error.message).to.match(words)
}

/** Follows a change to its verdict, which is as the contract says; `text` is its log. */
export async function settle({ client }: Rig, operation: string): Promise<OperationView & { text: string }> {
  const lines = await client.operations.log({ operation, follow: 'true' })
  let text = ''
  for (;;) {
    const next = await lines.next()
    if (next.done) return { ...contract.operations.log.end.parse(next.value), text }
    text += contract.operations.log.reply.parse(next.value).text
  }
}
