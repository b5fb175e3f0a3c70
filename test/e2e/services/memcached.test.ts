import { describeService } from './suite.js'

/** By libmemcached, as most clients of apps. */
const client = (url: string, program: string, ...words: readonly string[]) => {
  const { host, username, password } = new URL(url)
  const account = [`--servers=${host}`, '--binary', `--username=${username}`, `--password=${password}`]
  return [program, ...account, ...words]
}

describeService({
  kind: 'memcached',
  put: (url, value) => ({
    // the key is the name of the file
    words: ['sh', '-c', 'cd /tmp && cat >greeting && exec "$@" greeting', 'sh', ...client(url, 'memccp', '--set')],
    input: value,
  }),
  get: (url) => ({ words: client(url, 'memccat', 'greeting') }),
  // there is no administrator's command but by its own account
  administer: (url) => ({ words: client(url.replace(/:[^:@]*@/, ':none@'), 'memccat', 'greeting') }),
  keeps: false,
})
