import { describeRouter } from '../router/describe-router.js'
import { startRouter } from '../router/plane-rig.js'

// its TypeScript is read anew each time, which what is built has behind it
describeRouter('the Node router', () => startRouter('node'), 3000)
describeRouter('HAProxy', () => startRouter('haproxy'))
