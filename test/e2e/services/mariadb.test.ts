import { expect } from 'chai'
import { freshName, instance } from '../instance.js'
import { mariadb } from './clients.js'
import { writeAndKill } from './kill.js'
import { describeService } from './suite.js'

describeService(mariadb)

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
