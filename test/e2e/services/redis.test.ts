import { redis } from './clients.js'
import { describeService } from './suite.js'

describeService(redis)
