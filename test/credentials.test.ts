import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { must } from './run.js'
import { credentialsDir, gitCredentialsFile, readCredentials, writeCredentials } from '../src/credentials.js'

describe('credentials', () => {
  let env: NodeJS.ProcessEnv
  beforeEach(async () => {
    env = { BERTH_CONFIG_DIR: join(await mkdtemp(join(tmpdir(), 'berth-credentials-')), 'deep', 'er') }
  })
  afterEach(() => rm(join(env.BERTH_CONFIG_DIR ?? '', '..', '..'), { recursive: true }))
  const mine = { url: 'http://berth.localhost:8080', token: 'berth_a-b_c' }
  const refusal = (more: NodeJS.ProcessEnv): Promise<string> =>
    readCredentials({ ...env, ...more }).then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    )

  it('lie where the environment, XDG, or the home says', () => {
    expect(credentialsDir({ BERTH_CONFIG_DIR: '/x', XDG_CONFIG_HOME: '/y' })).to.equal('/x')
    expect(credentialsDir({ XDG_CONFIG_HOME: '/y' })).to.equal('/y/berth')
    expect(credentialsDir({})).to.match(/\/\.config\/berth$/)
  })

  it('are none at first, then what was written, for their owner alone', async () => {
    expect(await readCredentials(env)).to.equal(null)
    await writeCredentials(mine, env)
    expect(await readCredentials(env)).to.deep.equal(mine)
    for (const file of [join(credentialsDir(env), 'credentials.json'), gitCredentialsFile(env)])
      expect((await stat(file)).mode & 0o777).to.equal(0o600)
  })

  it('for git keep other servers’ lines and replace this one’s', async () => {
    await writeCredentials(mine, env)
    await writeFile(
      gitCredentialsFile(env),
      `https://me:pw@elsewhere.example\n${await readFile(gitCredentialsFile(env), 'utf8')}`,
    )
    await writeCredentials({ ...mine, token: 'new' }, env)
    await writeCredentials({ ...mine, token: 'new' }, env)
    expect(await readFile(gitCredentialsFile(env), 'utf8')).to.equal(
      'https://me:pw@elsewhere.example\nhttp://berth:new@berth.localhost:8080\n',
    )
  })

  it('for git replace those that git has written anew, in its own way', async () => {
    const file = gitCredentialsFile(env)
    const store = (action: string, password: string): Promise<string> => {
      const asked = [
        'protocol=http',
        'host=berth.localhost:8080',
        'username=berth',
        ...(password === '' ? [] : [`password=${password}`]),
      ]
      const input = `${asked.join('\\n')}\\n\\n`
      return must('sh', ['-c', `printf "$1" | git credential-store --file="$2" "$3"`, 'sh', input, file, action])
    }
    await writeCredentials(mine, env)
    await store('store', mine.token) // what git does once it was let in
    expect(await readFile(file, 'utf8')).to.match(/^http:\/\/berth:berth_a-b_c@berth\.localhost(:|%3a)8080\n$/)
    await writeCredentials({ ...mine, token: 'new' }, env)
    expect(await store('get', '')).to.include('password=new')
    expect((await readFile(file, 'utf8')).trim().split('\n')).to.have.length(1)
    await store('store', 'new')
    const kept = await readFile(file, 'utf8')
    await writeCredentials({ ...mine, token: 'new' }, env)
    expect(await readFile(file, 'utf8')).to.equal(kept)
  })

  it('may be written by several commands at once, and leave no drafts', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, n) => writeCredentials({ ...mine, token: `t${n}` }, env)))
    expect((await readCredentials(env))?.token).to.match(/^t\d$/)
    expect(await readdir(credentialsDir(env))).to.have.members(['credentials.json', 'git-credentials'])
  })

  it('of the environment win, and never go to a server they are not for', async () => {
    await writeCredentials(mine, env)
    expect(await readCredentials({ ...env, BERTH_TOKEN: 't' })).to.deep.equal({ ...mine, token: 't' })
    expect(await readCredentials({ ...env, BERTH_URL: 'http://a.example/', BERTH_TOKEN: 't' })).to.deep.equal({
      url: 'http://a.example',
      token: 't',
    })
    expect(await refusal({ BERTH_URL: 'http://a.example' })).to.include('no token for http://a.example')
    expect(await refusal({ BERTH_URL: 'berth.localhost', BERTH_TOKEN: 't' })).to.include('names no server')
  })

  it('that are not what Berth writes are said to be', async () => {
    await writeCredentials(mine, env)
    for (const text of ['', '{', '[]', 'null', '{"url":1,"token":"x"}', '{"url":"x","token":"x"}']) {
      await writeFile(join(credentialsDir(env), 'credentials.json'), text)
      expect(await refusal({}), text).to.match(/is not a credentials file|names no server/)
    }
  })
})
