import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { run, type Outcome } from '../../run.js'
import { createApp, instance, type Instance, type Repository } from '../instance.js'
import { cutNetwork } from './cut.js'
import { patience } from './example.js'

describe('Java apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  /** A push that may have images to make, and everything to fetch. */
  const firstPush = (repo: Repository): Promise<Outcome> =>
    run('git', ['push', 'berth', 'main'], {
      cwd: repo.dir,
      env: { ...berth.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' },
      timeoutMs: patience,
    })

  it('of Maven are built without the network once they were, and copy no library again', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-java-maven')
    const app = await createApp(berth, repo, 'java')
    const push = await firstPush(repo)
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Java app (Maven) detected').and.include('gson')
    expect((await berth.curl(app)).body).to.equal('{"greeting":"Hello from Java"}')
    const file = 'src/main/java/hello/Main.java'
    const text = await readFile(join(repo.dir, file), 'utf8')
    await repo.commit({ [file]: text.replace('Hello from', 'Hi from') })
    await using cut = await cutNetwork(berth)
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr.match(/Running in/g)).to.have.length(1)
    expect(await cut.asked()).to.equal(0)
    expect(again.stderr).not.to.match(/Download(?:ing|ed) from/)
    expect(again.stderr).to.match(/\/out\/libraries \/app\s+remote:\s+---> Using cache/)
    expect((await berth.curl(app)).body).to.equal('{"greeting":"Hi from Java"}')
    await repo.commit({ [file]: text.replace('server.start()', 'server.begin()') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.include("The command '/bin/sh -c set -e …' returned a non-zero code: 1")
    expect(wrong.stderr).to.match(
      /! {5}it does not compile: src\/main\/java\/hello\/Main\.java:\d+:\d+: cannot find symbol/,
    )
    const run = await berth.berth(['run', 'which java javac; ls -d src/main/java/hello/*', '-a', app])
    expect(run.stdout).to.include('/opt/java/openjdk/bin/java').and.not.include('javac').and.not.include('Main.java')
  })

  it('of Spring Boot listen where they are told to', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-spring-boot')
    const app = await createApp(berth, repo, 'boot')
    const push = await firstPush(repo)
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Java app (Spring Boot, Maven) detected')
    expect((await berth.curl(app)).body).to.equal('Hello from Spring Boot\n')
    const layers = await berth.berth(['run', 'ls target target/lib', '-a', app])
    expect(layers.stdout).to.match(/hello-1\.jar[\s\S]*spring-web-/)
  })

  it('that are an SQL server answer statements, as their Procfile starts them', async function () {
    this.timeout(patience)
    const repo = await berth.example('java-sql')
    const app = await createApp(berth, repo, 'sql')
    const push = await firstPush(repo)
    expect(push.code, push.stderr).to.equal(0)
    const sql = (statement: string) => berth.curl(app, '/', '--data', statement)
    for (const statement of [
      'CREATE TABLE visits (seen_on DATE, page VARCHAR, seen INT)',
      "INSERT INTO visits VALUES ('2013-06-01', '/', 40), ('2013-06-01', '/docs', 2), ('2013-06-02', '/', 8)",
    ])
      expect(await sql(statement)).to.include({ status: 200 })
    const { body } = await sql('SELECT page, SUM(seen) FROM visits GROUP BY page ORDER BY 2 DESC')
    expect(body).to.equal('/\t48\n/docs\t2\n')
    expect((await sql('SELECT nonsense')).status).to.equal(400)
  })

  it('of Gradle are told where their Gradle would have come from', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      'build.gradle': "plugins { id 'application' }\n",
      // what the wrapper says where its host is not there
      gradlew: 'echo "Exception in thread \\"main\\" java.net.UnknownHostException: gradle.example" >&2; exit 1\n',
    })
    await createApp(berth, repo, 'gradle')
    const { code, stderr } = await repo.push()
    expect(code).to.equal(1)
    expect(stderr).to.match(/! {5}Gradle could not be fetched from gradle\.example.*\s.*distributionUrl/)
  })
})
