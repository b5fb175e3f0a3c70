import { describeService } from './suite.js'

const psql = (url: string, sql: string) => ({ words: ['psql', '-v', 'ON_ERROR_STOP=1', '-qAt', url], input: sql })

describeService({
  kind: 'postgres',
  put: (url, value) => psql(url, `create table t (v text); insert into t values ('${value}')`),
  get: (url) => psql(url, 'select v from t'),
  administer: (url) => psql(url, 'create role other login'),
  keeps: true,
})
