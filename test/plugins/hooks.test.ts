import { expect } from 'chai'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '../../src/errors.js'
import { Hooks } from '../../src/plugins/hooks.js'
import type { HookCall, HookPlugin } from '../../src/plugins/public.js'

const call: Omit<HookCall, 'when'> = {
  event: 'push',
  app: { id: 'a1', name: 'blog', url: 'http://blog.localhost' },
  operation: 'o1',
  by: 'you',
  release: null,
  commit: '1a2b3c4',
  details: { change: 'push' },
  status: null,
  failure: null,
}

describe('hooks', () => {
  let root: string
  let said: string[]
  const say = (line: string): void => void said.push(line)
  const never = new AbortController().signal
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-hooks-'))
    await mkdir(join(root, 'hooks'))
    said = []
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const hooks = (instances: Record<string, HookPlugin['call']> = {}, patience = 5000): Hooks => {
    const all = Object.entries(instances).map(([name, given]) => ({ name, instance: { call: given } }))
    return new Hooks({ root, plugins: { running: () => Promise.resolve(all as never) }, patience })
  }
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(root, 'hooks', name), text)
    await chmod(join(root, 'hooks', name), 0o755)
  }
  const refusal = async (hooks: Hooks): Promise<BerthError> => {
    try {
      await hooks.before(call, say, never)
    } catch (error) {
      return error as BerthError
    }
    throw new Error('it was not refused')
  }

  it('are none where there are none', async () => {
    await rm(join(root, 'hooks'), { recursive: true })
    await hooks().before(call, say, never)
    await hooks().after(call, say, never)
    expect(said).to.deep.equal([])
  })

  it('give an executable the event as JSON, and show what it says', async () => {
    await write('before-push', `#!/bin/sh\ncat > "$0.seen"\necho "for $BERTH_APP"; echo careful >&2\n`)
    await hooks().before(call, say, never)
    expect(JSON.parse(await readFile(join(root, 'hooks/before-push.seen'), 'utf8'))).to.deep.equal({
      ...call,
      when: 'before',
    })
    expect(said).to.deep.equal(['for blog', 'careful'])
  })

  it('give it nothing of the environment of Berth', async () => {
    process.env.HUSH = 'hush'
    await write('before-push', '#!/bin/sh\nenv\n')
    await hooks().before(call, say, never)
    delete process.env.HUSH
    expect(said.map((line) => line.split('=')[0])).to.have.members([
      'BERTH_APP',
      'BERTH_EVENT',
      'BERTH_WHEN',
      'LANG',
      'PATH',
      'PWD',
    ])
  })

  const refusing: readonly [what: string, script: string, told: RegExp][] = [
    [
      'ends with another code',
      '#!/bin/sh\necho freeze until Monday; exit 1\n',
      /^the hook before-push refuses this push: freeze until Monday$/,
    ],
    ['says nothing', '#!/bin/sh\nexit 7\n', /it ends with 7$/],
    ['kills itself', '#!/bin/sh\nkill -9 $$\n', /it ends with a signal$/],
    ['cannot be started', '#!/no/such/program\n', /it cannot be started$/],
    ['writes without end', '#!/bin/sh\nexec yes\n', /writes more than 65536 bytes$/],
    ['does not end', '#!/bin/sh\nsleep 1000\n', /does not (end|answer) within 1 s$/],
    ['leaves what holds its output', '#!/bin/sh\nsleep 1000 & exit 3\n', /it ends with 3$/],
  ]
  for (const [what, script, told] of refusing)
    it(`refuse when an executable ${what}`, async () => {
      await write('before-push', script)
      const error = await refusal(hooks({}, 1000))
      expect(error.fault).to.equal('denied')
      expect(error.message).to.match(told)
    })

  it('refuse when there is a file that nobody may execute', async () => {
    await writeFile(join(root, 'hooks/before-push'), '#!/bin/sh\n')
    expect((await refusal(hooks())).hint).to.equal(`chmod 755 ${root}/hooks/before-push`)
  })

  it('ask plugins in their order, until one refuses', async () => {
    const asked: string[] = []
    const error = await refusal(
      hooks({
        one: () => Promise.resolve(void asked.push('one')),
        two: () => Promise.reject(new BerthError('denied', 'not on Fridays', 'wait')),
        three: () => Promise.resolve(void asked.push('three')),
      }),
    )
    expect([asked, error.message, error.hint]).to.deep.equal([
      ['one'],
      'the plugin two refuses this push: not on Fridays',
      'wait',
    ])
  })

  it('refuse when a plugin does not answer, or is none', async () => {
    expect((await refusal(hooks({ stuck: () => new Promise(() => undefined) }, 100))).message).to.match(/within 0.1 s/)
    expect((await refusal(hooks({ none: undefined as never }))).message).to.match(/the plugin none refuses/)
  })

  it('end with what they are called for', async () => {
    const gone = new AbortController()
    await write('before-push', '#!/bin/sh\necho $$ > "$0.pid"; exec sleep 1000\n')
    const asked = hooks().before(call, say, gone.signal)
    setTimeout(() => gone.abort(new BerthError('conflict', 'cancelled')), 200)
    expect(await asked.catch((error: unknown) => (error as Error).message)).to.equal('cancelled')
  })

  it('change nothing after it, whatever they do', async () => {
    await write('after-push', '#!/bin/sh\nexit 1\n')
    await hooks({ bad: () => Promise.reject(new Error('oops')), stuck: () => new Promise(() => undefined) }, 100).after(
      call,
      say,
      never,
    )
    expect(said).to.deep.equal([
      'the plugin bad failed after this push: oops',
      'the plugin stuck failed after this push: it does not answer within 0.1 s',
      'the hook after-push failed after this push: it ends with 1',
    ])
  })
})
