import { expect } from 'chai'
import { selfSigned } from '../../src/router/self-signed.js'
import { contextOf } from '../../src/router/shown.js'

describe('a certificate of our own', () => {
  it('is one to OpenSSL however long its name is', () => {
    for (let length = 1; length < 60; length++) {
      const pair = selfSigned(`${'a'.repeat(length)}.test`)
      expect(() => contextOf(pair), `${length} letters`).to.not.throw()
    }
  })
})
