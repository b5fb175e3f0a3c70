import { expect } from 'chai'
import { grantSql, passwordHash, revokeSql } from '../../../plugins/mariadb/sql.js'

describe("MariaDB's statements", () => {
  it('have of a password what the server keeps of it', () => {
    // select password('password') of MariaDB 10.11
    expect(passwordHash('password')).to.equal('*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19')
    expect(grantSql({ role: 'link_a_1', password: 'hush', tenant: null })).not.to.contain('hush')
  })

  it('take no name that is more than a name', () => {
    for (const role of ["a'; drop", '', 'A', '1a', 'a b', 'a`', 'a%', 'a'.repeat(64)]) {
      expect(() => grantSql({ role, password: 'x', tenant: null }), role).to.throw("is not a role's name")
      expect(() => revokeSql(role), role).to.throw("is not a role's name")
    }
  })
})
