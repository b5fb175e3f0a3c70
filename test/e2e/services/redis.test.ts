import { describeService } from './suite.js'

const redis = (url: string, ...words: readonly string[]) => ({
  words: ['redis-cli', '-e', '-u', url, '--no-auth-warning', ...words],
})

describeService({
  kind: 'redis',
  put: (url, value) => redis(url, 'SET', 'greeting', value),
  get: (url) => redis(url, 'GET', 'greeting'),
  administer: (url) => redis(url, 'ACL', 'LIST'),
  keeps: true,
})
