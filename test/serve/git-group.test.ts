import { expect } from 'chai'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config.js'
import { joinGroup } from '../../src/git/limits.js'
import { findMounts, makeGitGroup, removeGitGroup, type CgroupMounts } from '../../src/serve/git-group.js'
import { run } from '../run.js'

/** An account that is not root, as the platform's is not. */
const nobody = { uid: 65534, gid: 65534 }
const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
/** What installLimits writes: a shell joins the groups, and is limited from then on. */
const joining = (directories: readonly string[], then: string): string =>
  `set -e\n${directories.map(joinGroup).join('')}${then}`

describe('the control group of git', function () {
  this.timeout(20_000)
  const config = loadConfig({ BERTH_NAME: `t${String(process.pid)}`, BERTH_GIT_MEMORY: '64' })
  const mounts = findMounts()
  before(function () {
    if (mounts === null || process.getuid?.() !== 0) this.skip()
  })
  afterEach(() => removeGitGroup(config, mounts))

  it('is found as it is mounted', () => {
    const v1 =
      'cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n'
    expect(findMounts(v1)).to.deep.equal({
      version: 1,
      roots: new Map([
        ['memory', '/c/memory'],
        ['cpu', '/c/cpu'],
      ]),
    })
    expect(findMounts('cgroup2 /c cgroup2 rw 0 0\n')).to.deep.equal({ version: 2, root: '/c' })
    expect(findMounts('cgroup /s cgroup rw,name=systemd 0 0\n')).to.equal(null)
    expect(makeGitGroup(config, nobody, null).directories).to.deep.equal([])
  })

  it('is joined by an account that is not root, and ends what takes more memory', async () => {
    const group = makeGitGroup(config, nobody, mounts)
    makeGitGroup(config, nobody, mounts) // as the next start does
    const hog = joining(group.directories, `exec ${process.execPath} -e 'Buffer.alloc(200e6, 1)'`)
    const { code, stderr } = await moved(group, hog)
    expect(code, stderr).to.equal(137)
    const { code: fine, stdout } = await moved(group, joining(group.directories, 'cat /proc/self/cgroup'))
    expect([fine, stdout.includes(`berth-${config.name}-git`)]).to.deep.equal([0, true])
  })

  it('goes away with what runs in it', async () => {
    const group = makeGitGroup(config, nobody, mounts)
    const sleeper = moved(group, joining(group.directories, 'exec sleep 60'))
    const procs = join(group.directories[0] ?? '', 'cgroup.procs')
    while (readFileSync(procs, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 20))
    await removeGitGroup(config, mounts)
    expect(existsSync(procs)).to.equal(false)
    expect((await sleeper).code).not.to.equal(0)
  })

  it('is a subtree of its own with control groups v2, which its starter is put into', async function () {
    const unified = /^cgroup2 (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1]
    if (unified === undefined) this.skip()
    const v2: CgroupMounts = { version: 2, root: unified }
    try {
      const group = makeGitGroup(config, nobody, v2)
      const line = joining(group.directories, `grep -q 'berth-${config.name}-git/git' /proc/self/cgroup`)
      const { code, stderr } = await moved(group, line)
      expect(code, stderr).to.equal(0)
      // from elsewhere it cannot be joined: that is why its starter must be put there
      expect((await run('setpriv', [...asNobody, 'sh', '-c', line])).code).not.to.equal(0)
    } finally {
      await removeGitGroup(config, v2)
    }
  })

  /** Runs a line as nobody, from a shell that was admitted first. */
  const moved = (group: ReturnType<typeof makeGitGroup>, line: string) =>
    run('sh', ['-c', `read -r go && setpriv ${asNobody.join(' ')} sh -c "$0"`, line], {
      input: 'go\n',
      started: (pid) => group.admit(pid),
    })
})
