import Mocha from 'mocha'
import { patience } from '../patience.js'

// Mocha has no such setting (its issue 2771), and --timeout gives way to what a suite or a test says for itself: so a test or
// hook, asked for its time by mocha's clock, answers with as many times what it was given.
const { prototype } = Mocha.Runnable
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with the runnable below
const timeout: (this: Mocha.Runnable, ...ms: unknown[]) => unknown = prototype.timeout
Object.assign(prototype, {
  timeout(this: Mocha.Runnable, ...ms: unknown[]) {
    return ms.length === 0 ? Number(timeout.call(this)) * patience : timeout.apply(this, ms)
  },
})
