import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { patience } from '../../patience.js'
import { answering } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

describe('app.json', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })
  const ok = async (words: string[]): Promise<string> => (await berth.succeed(...words)).stdout

  it('sets config vars, makes secrets, scales and runs scripts; what somebody has set or scaled stays', async () => {
    const repo = await berth.example('app-json')
    const app = await createApp(berth, repo, 'notes')
    const refused = await repo.push()
    expect(refused.code).to.equal(1)
    expect(refused.stderr)
      .to.include('app.json asks for a config var that is not set: OWNER')
      .and.include('berth config:set OWNER=')
      .and.not.include('Building')
    expect(await ok(['config', '-a', app])).to.not.include('SESSION_SECRET')
    await ok(['config:set', 'OWNER=ann', '-a', app])
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    expect(stderr)
      .to.include('Sets config vars of app.json: GREETING, SESSION_SECRET')
      .and.include('predeploy for ann')
      .and.include('postdeploy for ann')
      .and.include('Runs web=2 clock=1')
    expect(stderr.indexOf('predeploy for ann')).to.be.below(stderr.indexOf('Launching'))
    expect(stderr.indexOf('postdeploy for ann')).to.be.above(stderr.indexOf('Released v'))
    expect(JSON.parse((await berth.curl(app)).body)).to.deep.equal({
      ...{ greeting: 'Hello from app.json', owner: 'ann', secret: 64 },
    })
    const secret = await ok(['config:get', 'SESSION_SECRET', '-a', app])
    expect(stderr).to.not.include(secret.trim())

    await ok(['ps:scale', 'clock=0', '-a', app])
    await ok(['config:set', 'GREETING=mine', '-a', app])
    const said = await readFile(join(repo.dir, 'app.json'), 'utf8')
    await repo.commit({ 'app.json': said.replace('"quantity": 2', '"quantity": 1').replace('"name"', '"nam"') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr)
      .to.include('Note: app.json:3: nam is not known: name is meant?')
      .and.include('clock at 0')
      .and.not.include('postdeploy for')
    expect(JSON.parse((await berth.curl(app)).body)).to.include({ greeting: 'mine', secret: 64 })
    expect(await ok(['config:get', 'SESSION_SECRET', '-a', app])).to.equal(secret)
    expect((await ok(['ps', '-a', app])).match(/web\.\d/g)).to.deep.equal(['web.1'])
  })

  it('with a mistake is refused before anything is built, with its place', async () => {
    const wrong = { ...answering('x'), 'app.json': '{\n  "formation": { "web": { "quantity": "two" } }\n}\n' }
    const repo = await berth.repository(wrong)
    await createApp(berth, repo, 'mistaken')
    const { code, stderr } = await repo.push()
    expect(code).to.equal(1)
    expect(stderr)
      .to.include('app.json:2:27: formation.web.quantity: expected number, received string')
      .and.not.include('Building')
    await repo.commit({ 'app.json': '{ "formation": { "worker": { "quantity": 2 } } }' })
    const absent = await repo.push()
    expect(absent.stderr)
      .to.include('app.json wants 2 of process type "worker", which the app does not have')
      .and.include('it has web')
  })

  it('has a script that fails after the release told, and one before it keep everything as it was', async () => {
    const repo = await berth.repository({
      ...answering('one'),
      'app.json': JSON.stringify({
        env: { SEED_SECRET: { generator: 'secret' } },
        scripts: { postdeploy: 'echo seeding with $SEED_SECRET; exit 4' },
      }),
    })
    const app = await createApp(berth, repo, 'scripts')
    const first = await repo.push()
    expect(first.code, first.stderr).to.equal(0)
    expect(first.stderr)
      .to.include('seeding with [secret]')
      .and.match(/postdeploy script ended with exit code 4.*runs all the same/)
    await repo.commit({
      ...answering('two'),
      'app.json': '{ "scripts": { "postdeploy": "echo seeding", "predeploy": "echo checking; exit 5" } }',
    })
    const second = await repo.push()
    expect(second.code).to.equal(1)
    expect(second.stderr).to.include('the predeploy script ended with exit code 5: nothing was switched')
    expect((await berth.curl(app)).body).to.equal('one')
  })
})
