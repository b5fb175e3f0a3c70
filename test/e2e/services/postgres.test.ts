import { postgres } from './clients.js'
import { describeService } from './suite.js'

describeService(postgres)
