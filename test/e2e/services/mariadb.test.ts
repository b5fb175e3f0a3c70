import { expect } from 'chai'
import { freshName, instance } from '../instance.js'
import { writeAndKill } from './kill.js'
import { describeService } from './suite.js'

const asks = (url: string, sql: string) => {
  const { hostname, port, username, password, pathname } = new URL(url)
  const at = [`--host=${hostname}`, `--port=${port}`, `--user=${username}`, `--password=${password}`]
  return { words: ['mariadb', '--no-defaults', ...at, '--skip-column-names', pathname.slice(1)], input: sql }
}

describeService({
  kind: 'mariadb',
  // four bytes of UTF-8, and a view, which is run as the account that made it
  put: (url, value) =>
    asks(
      url,
      `set names utf8mb4; create table t (v text); insert into t values ('${value} 🐘'); create view w as select v from t`,
    ),
  get: (url) => asks(url, 'select v from w where hex(v) like "%F09F9098"'),
  administer: (url) => asks(url, 'create user other'),
  keeps: true,
})

describe('MariaDB, killed while it is written to', function () {
  this.timeout(120_000)

  it('has all that was acknowledged', async () => {
    const berth = await instance()
    const name = freshName('killed')
    await berth.succeed('services:create', 'mariadb', name)
    const words = ['mariadb', '--no-defaults', '--socket=/tmp/mariadb.sock', '--user=mysql', '-N', '-B', '-n', 'main']
    const input = `create table k (id int auto_increment primary key);
${'insert into k values (null); select last_insert_id();\n'.repeat(20_000)}`
    const last = Number((await writeAndKill(berth, name, { words, input }, 200)).at(-1))
    const { stdout } = await berth.succeed('services:enter', name, '--', ...words, '-e', 'select max(id) from k')
    expect(Number(stdout)).to.be.at.least(last)
    expect(last).to.be.within(200, 19_999)
  })
})
