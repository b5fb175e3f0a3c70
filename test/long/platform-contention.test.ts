import { contend } from '../api/contention.js'
import { seedOf } from '../e2e/crash/random.js'

describe('an API whose clients change the same apps at once, for long', () => {
  const first = seedOf()
  for (let n = 0; n < 20; n += 1)
    it(`loses nothing (BERTH_TEST_SEED=${String(first + n)})`, () => contend(first + n, 60))
})
