import { seedOf } from '../e2e/crash/random.js'
import { contend } from './contention.js'

describe('an API whose clients change the same apps at once', function () {
  this.timeout(60_000)
  const seed = seedOf()
  it(`loses nothing and gives no hostname two owners (BERTH_TEST_SEED=${String(seed)})`, () => contend(seed, 15))
})
