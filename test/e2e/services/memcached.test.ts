import { memcached } from './clients.js'
import { describeService } from './suite.js'

describeService(memcached)
