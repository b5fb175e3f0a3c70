import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBuilderLab, succeeded, type BuilderLab, type Context } from './builder-lab.js'
import { eventually, oracle } from './harness.js'

const base = 'debian:bookworm-slim'

describe('stages and steps of a build', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())

  const ok = async (files: Context, ...args: string[]): Promise<string> =>
    succeeded(await lab.build(files, '-t', 'built', ...args))

  it('runs stages side by side: each waits for the mark of the other; the log has one after the other', async () => {
    const id = `marks-${String(randomInt(1e9))}`
    const meet = (mine: string, other: string) =>
      `RUN --mount=type=cache,id=${id},target=/m touch /m/${mine} && timeout 30 sh -c 'until test -e /m/${other}; do sleep .05; done' && echo met-${mine}`
    const built = await lab.buildkit({
      Dockerfile: `FROM ${base} AS a\n${meet('a', 'b')}\nRUN touch /a\nFROM ${base} AS b\n${meet('b', 'a')}\nRUN touch /b\nFROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n`,
    })
    const said = succeeded(built)
    if (oracle) return // BuildKit says each line as it comes
    expect(said.match(/^(Step \d+|met-.)/gm)).to.deep.equal([
      'Step 1',
      'Step 2',
      'met-a',
      'Step 3',
      'Step 4',
      'Step 5',
      'met-b',
      'Step 6',
      'Step 7',
      'Step 8',
      'Step 9',
    ])
  })

  it('gives a stage the ARGs of the one it begins with, and a PATH', async () => {
    if (oracle) return // BuildKit alone
    const dockerfile = `FROM ${base} AS a\nARG X=given\nARG Y\nFROM a AS b\nRUN echo said-$X-$Y\nFROM scratch\nCOPY --from=b /etc/hostname /\n`
    expect(await ok({ Dockerfile: dockerfile }, '--build-arg', 'Y=too')).to.include('said-given-too')
    const env = await lab.must('inspect', '-f', '{{json .Config.Env}}', 'built')
    expect(env).to.equal('["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]')
  })

  it('makes a WORKDIR that is the user’s, and of today', async () => {
    if (oracle) return // BuildKit alone
    const dockerfile = `FROM ${base}\nRUN echo 'app:x:1234:5678::/:/bin/sh' >> /etc/passwd\nUSER app\nWORKDIR /made/here\nRUN touch file && stat -c 'is-%u:%g' /made /made/here && find /made/here -maxdepth 0 -mtime -1 -printf 'of-today'\n`
    const said = await ok({ Dockerfile: dockerfile })
    expect(said.match(/is-1234:5678/g)).to.have.length(2)
    expect(said).to.include('of-today')
    const { code, stderr } = await lab.build({ Dockerfile: `FROM ${base}\nUSER nobodyknown\nWORKDIR /x\n` })
    expect(code).to.equal(1)
    expect(stderr).to.include('Dockerfile:3:9: unable to find user nobodyknown')
  })

  it('does once what two stages do alike', async () => {
    const run = 'RUN --mount=type=cache,id=once,target=/m echo x >> /m/log && cp /m/log /log'
    const dockerfile = `FROM ${base} AS a\n${run}\nFROM ${base} AS b\n${run}\nFROM scratch\nCOPY --from=a /log /a\nCOPY --from=b /log /b\n`
    succeeded(await lab.buildkit({ Dockerfile: dockerfile }, '-t', 'built'))
    expect(await lab.read('built', '/b')).to.equal('x\n')
  })

  it('ends the other stages when one fails, and tells of the one that failed', async () => {
    const { code, stdout, stderr } = await lab.buildkit({
      Dockerfile: `FROM ${base} AS slow\nRUN sleep 300\nFROM ${base} AS bad\nRUN echo why && exit 3\nFROM scratch\nCOPY --from=slow / /\nCOPY --from=bad / /\n`,
    })
    expect(code).to.equal(oracle ? 1 : 3)
    expect(stdout + stderr).to.include('why')
    expect(stderr).to.include(oracle ? 'exit code: 3' : 'returned a non-zero code: 3')
  })

  it('kills everything of a step when the client leaves', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-left-'))
    const mark = String(300 + randomInt(1e6))
    await writeFile(
      join(dir, 'Dockerfile'),
      `FROM ${base}\nRUN (setsid sleep ${mark} &) ; trap '' TERM INT; echo begun; sleep ${mark}\n`,
    )
    const client = lab.start('build', dir)
    for await (const chunk of client.stdout ?? []) if (String(chunk).includes('begun')) break
    const began = Date.now()
    const gone = once(client, 'close')
    client.kill('SIGKILL')
    await gone
    const running = async () => {
      const left = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`sleep\0${mark}`))
      return Promise.resolve(left.length === 0)
    }
    await eventually(running, 'the end of the step')
    expect(Date.now() - began).to.be.lessThan(3000)
    await rm(dir, { recursive: true })
  })

  it('gives each step its limits, hosts, shared memory and no network when told so', async () => {
    const said = await ok(
      {
        Dockerfile: `FROM ${base}\nRUN ulimit -n; df -B1 --output=size /dev/shm | tail -1; grep -E 'one|gate' /etc/hosts; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null || cat /sys/fs/cgroup/memory.max; ls /sys/class/net\n`,
      },
      ...['--no-cache', '--ulimit', 'nofile=321:654', '--shm-size', '16m', '--memory', '200m', '--cpu-shares', '77'],
      ...['--add-host', 'one:10.9.8.7', '--add-host', 'gate:host-gateway', '--force-rm', '--network', 'none'],
    )
    expect(said)
      .to.include('321\n')
      .and.match(/\b16777216\n/)
      .and.include('10.9.8.7\tone')
      .and.include('209715200')
    expect(said).to.include('\nlo\n').and.not.include('eth0')
  })

  it('runs on a network of the engine, and in that of a container', async () => {
    await lab.docker('network', 'create', 'nets')
    await lab.docker('run', '-d', '--rm', '--name', 'peer', '--network', 'nets', base, 'sleep', '300')
    try {
      const { stdout: peer } = await lab.docker('exec', 'peer', 'cat', '/proc/net/fib_trie')
      const addresses = (text: string) => new Set(text.match(/\d+\.\d+\.\d+\.\d+/g))
      const same = await ok({ Dockerfile: `FROM ${base}\nRUN cat /proc/net/fib_trie\n` }, '--network', 'container:peer')
      for (const address of addresses(peer)) expect(same).to.include(address)
      const near = await ok({ Dockerfile: `FROM ${base}\nRUN grep eth0 /proc/net/dev\n` }, '--network', 'nets')
      expect(near).to.include('eth0')
      const { stderr } = await lab.build({ Dockerfile: `FROM ${base}\nRUN true\n` }, '--network', 'nowhere')
      expect(stderr).to.include('network nowhere not found')
    } finally {
      await lab.docker('rm', '-f', 'peer')
      await lab.docker('network', 'rm', 'nets')
    }
  })

  it('refuses what would take a step out of its sandbox', async () => {
    const refused = async (run: string): Promise<string> => {
      const { code, stderr } = await lab.build({ Dockerfile: `FROM ${base}\n${run} true\n` })
      expect(code).to.be.greaterThan(0)
      return stderr
    }
    const [security, network] = [await refused('RUN --security=insecure'), await refused('RUN --network=host')]
    expect((await lab.build({ Dockerfile: 'FROM scratch\n' }, '--squash')).code).to.be.greaterThan(0)
    if (oracle) return // its builder knows of neither
    expect(security).to.include('Dockerfile:2:5: security.insecure is not allowed')
    expect(network).to.include('Dockerfile:2:1: network.host is not allowed')
  })

  it('writes the image id where it is asked to', async () => {
    const path = join(lab.dir, 'iid')
    await ok({ Dockerfile: `FROM ${base}\nRUN true\n` }, '--iidfile', path, '-t', 'second:tag')
    const { stdout } = await lab.docker('image', 'inspect', '--format', '{{.Id}}', 'built', 'second:tag')
    const id = readFileSync(path, 'utf8')
    expect(stdout).to.equal(`${id}\n${id}\n`)
  })
})

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has just ended
  }
}
