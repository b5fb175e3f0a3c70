import type { ServiceUnderTest } from './suite.js'

const psql = (url: string, sql: string) => ({ words: ['psql', '-v', 'ON_ERROR_STOP=1', '-qAt', url], input: sql })

export const postgres: ServiceUnderTest = {
  kind: 'postgres',
  put: (url, value) => psql(url, `create table t (v text); insert into t values ('${value}')`),
  get: (url) => psql(url, 'select v from t'),
  administer: (url) => psql(url, 'create role other login'),
  keeps: true,
}

const mariadbClient = (url: string, sql: string) => {
  const { hostname, port, username, password, pathname } = new URL(url)
  const at = [`--host=${hostname}`, `--port=${port}`, `--user=${username}`, `--password=${password}`]
  return { words: ['mariadb', '--no-defaults', ...at, '--skip-column-names', pathname.slice(1)], input: sql }
}

export const mariadb: ServiceUnderTest = {
  kind: 'mariadb',
  // four bytes of UTF-8, and a view, which is run as the account that made it
  put: (url, value) =>
    mariadbClient(
      url,
      `set names utf8mb4; create table t (v text); insert into t values ('${value} 🐘'); create view w as select v from t`,
    ),
  get: (url) => mariadbClient(url, 'select v from w where hex(v) like "%F09F9098"'),
  administer: (url) => mariadbClient(url, 'create user other'),
  keeps: true,
}

const redisClient = (url: string, ...words: readonly string[]) => ({
  words: ['redis-cli', '-e', '-u', url, '--no-auth-warning', ...words],
})

export const redis: ServiceUnderTest = {
  kind: 'redis',
  put: (url, value) => redisClient(url, 'SET', 'greeting', value),
  get: (url) => redisClient(url, 'GET', 'greeting'),
  administer: (url) => redisClient(url, 'ACL', 'LIST'),
  keeps: true,
}

/** By libmemcached, as most clients of apps. */
const memcachedClient = (url: string, program: string, ...words: readonly string[]) => {
  const { host, username, password } = new URL(url)
  const account = [`--servers=${host}`, '--binary', `--username=${username}`, `--password=${password}`]
  return [program, ...account, ...words]
}

export const memcached: ServiceUnderTest = {
  kind: 'memcached',
  put: (url, value) => ({
    // the key is the name of the file
    words: [
      ...['sh', '-c', 'cd /tmp && cat >greeting && exec "$@" greeting', 'sh'],
      ...memcachedClient(url, 'memccp', '--set'),
    ],
    input: value,
  }),
  get: (url) => ({ words: memcachedClient(url, 'memccat', 'greeting') }),
  // its administrator's commands are those of everybody: what a link has not is its account
  administer: (url) => ({
    words: memcachedClient(url.replace(/\/\/[^:]*:/, '//admin:'), 'memccat', 'greeting'),
  }),
  keeps: false,
}

/** By librabbitmq's tools. */
const amqp = (url: string, script: string) => ({ words: ['sh', '-ec', script, 'sh', url] })

export const rabbitmq: ServiceUnderTest = {
  kind: 'rabbitmq',
  put: (url, value) =>
    amqp(
      url,
      `amqp-declare-queue --url="$1" -d -q greetings >/dev/null
       amqp-publish --url="$1" --persistent --routing-key=greetings --body='${value}'`,
    ),
  // what is received is put back
  get: (url) =>
    amqp(
      url,
      `body=$(amqp-get --url="$1" --queue=greetings)
       amqp-publish --url="$1" --persistent --routing-key=greetings --body="$body"
       printf '%s' "$body"`,
    ),
  administer: (url) => amqp(url, `amqp-declare-queue --url="\${1%main}%2f" -q other`),
  keeps: true,
}
