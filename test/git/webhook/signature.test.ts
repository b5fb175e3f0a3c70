import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { senderOf } from '../../../src/git/webhook/signature.js'
import { Secret } from '../../../src/lib/secret.js'

describe('the signature of a webhook', () => {
  const body = Buffer.from('{"ref":"refs/heads/main"}')
  const secret = new Secret("It's a Secret to Everybody")
  const hmac = (key = secret.reveal(), of: string | Buffer = body): string =>
    createHmac('sha256', key).update(of).digest('hex')
  const sender = (headers: Record<string, string>, of = body) => senderOf(headers, of, secret)

  it('is that of GitHub: its documented example, too', () => {
    const documented = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    expect(sender({ 'x-hub-signature-256': documented }, Buffer.from('Hello, World!'))).to.equal('GitHub')
    expect(sender({ 'x-hub-signature-256': `sha256=${hmac()}`, 'x-hub-signature': 'sha1=whatever' })).to.equal('GitHub')
  })

  it('is that of others', () => {
    expect(sender({ 'x-gitea-signature': hmac(), 'x-hub-signature-256': `sha256=${hmac()}` })).to.equal('Gitea')
    expect(sender({ 'x-forgejo-signature': hmac() })).to.equal('Gitea')
    expect(sender({ 'x-gitlab-token': secret.reveal() })).to.equal('GitLab')
    expect(sender({ 'x-hub-signature': `sha256=${hmac()}` })).to.equal('Bitbucket')
    const plain = new Secret('abc')
    expect(senderOf({ authorization: 'Bearer abc' }, body, plain)).to.equal('bearer')
  })

  it('is none where the secret, the body or one proof of several is another', () => {
    for (const headers of [
      {},
      { 'x-hub-signature-256': '' },
      { 'x-hub-signature-256': `sha256=${hmac('other')}` },
      { 'x-hub-signature-256': `sha256=${hmac(secret.reveal(), 'other')}` },
      { 'x-hub-signature-256': `sha256=${hmac().slice(0, 10)}` },
      { 'x-hub-signature': `sha1=${createHmac('sha1', secret.reveal()).update(body).digest('hex')}` },
      { 'x-gitlab-token': hmac() },
      { 'x-gitlab-token': '' },
      { authorization: 'Bearer ' },
      { authorization: `Basic ${Buffer.from(`x:${secret.reveal()}`).toString('base64')}` },
      { 'x-gitlab-token': secret.reveal(), 'x-hub-signature-256': 'sha256=0' },
    ])
      expect(sender(headers), JSON.stringify(headers)).to.equal(null)
  })
})
