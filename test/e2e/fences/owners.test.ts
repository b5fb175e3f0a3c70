import { expect } from 'chai'
import { openBuilderLab, succeeded, type BuilderLab } from '../engine/builder-lab.js'
import { base, oracle } from '../engine/harness.js'

const from = `FROM ${base}\n`
const owner = (name: string): string[] => ['--label', `berth.app=${name}`]

describe('the fence between the builds of two apps', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())
  beforeEach(async () => {
    succeeded(await build(`${from}RUN echo secret > /secret\n`, '-t', 'berth/one-abc:v3', ...owner('one')))
    for (const name of ['one', 'two']) succeeded(await build(step('touch /c/x', 'id=both,target=/c'), ...owner(name)))
  })

  const build = (text: string, ...args: string[]) => lab.build({ Dockerfile: text }, ...args)
  const step = (run: string, mount = 'id=npm,target=/c') => `${from}RUN --mount=type=cache,${mount} ${run}\n`
  const idOf = (image: string): Promise<string> => lab.must('image', 'inspect', '--format', '{{.Id}}', image)

  it('keeps the cache mounts of an id apart, by target, by id and with a seed', async () => {
    for (const mount of [
      'id=npm,target=/c',
      'target=/root/.npm',
      'id=s,target=/c,sharing=locked',
      'id=p,target=/c,sharing=private',
    ]) {
      const place = /target=([^,]+)/.exec(mount)?.[1] ?? ''
      const put = (word: string) => step(`test ! -e ${place}/x && echo ${word} > ${place}/x`, mount)
      succeeded(await build(put('one'), ...owner('one')))
      succeeded(await build(put('two'), ...owner('two')))
      succeeded(await build(put('none'))) // nobody's, as all of plain docker's are
      const read = (word: string) => step(`test "$(cat ${place}/x)" = ${word} # ${mount}`, mount)
      for (const name of ['one', 'two']) succeeded(await build(read(name), ...owner(name)))
      succeeded(await build(read('none')))
    }
  })

  it('lets plain builds share theirs, as with docker', async () => {
    succeeded(await build(step('echo shared > /c/plain'), '--label', 'other=1'))
    succeeded(await build(step('grep shared /c/plain')))
  })

  it('gives no step of one to the other: its cache may have poisoned it', async () => {
    const dockerfile = step('cat /c/dependency > /made 2>/dev/null || echo clean > /made')
    succeeded(await build(step('echo poison > /c/dependency'), ...owner('one')))
    succeeded(await build(dockerfile, '-t', 'of-one', ...owner('one')))
    succeeded(await build(dockerfile, '-t', 'of-two', ...owner('two')))
    expect(await lab.read('of-one', '/made')).to.equal('poison\n')
    expect(await lab.read('of-two', '/made')).to.equal('clean\n')
    const again = await build(dockerfile, ...owner('one'))
    expect(succeeded(again)).to.include('Using cache')
  })

  it('shows no image of the other: by name, id, prefix, digest or as a cache', async () => {
    const id = await idOf('berth/one-abc:v3')
    const hex = id.replace('sha256:', '')
    const names = [
      'berth/one-abc:v3',
      'docker.io/berth/one-abc:v3',
      id,
      hex,
      hex.slice(0, 12),
      hex.slice(0, 4),
      `sha256:${hex.slice(0, 8)}`,
    ]
    for (const name of names) {
      for (const text of [
        `FROM ${name}\n`,
        `${from}COPY --from=${name} /secret /\n`,
        `${from}RUN --mount=from=${name},target=/m cat /m/secret\n`,
        `${from}RUN --mount=type=cache,id=${hex.slice(0, 6)}${String(names.indexOf(name))},target=/m,from=${name} cat /m/secret\n`,
      ]) {
        const outcome = await build(text, ...owner('two'))
        expect(outcome.code, `${text}${outcome.stdout}`).to.not.equal(0)
        expect(outcome.stdout + outcome.stderr).to.not.include('secret\nsecret')
      }
      succeeded(await build(`${from}COPY --from=${name} /secret /\n`, ...owner('one')))
    }
    const learned = await build(
      `${from}RUN echo secret > /secret\n`,
      '--cache-from',
      'berth/one-abc:v3',
      ...owner('two'),
    )
    expect(succeeded(learned)).to.not.include('Using cache')
    succeeded(await build(`FROM ${hex.slice(0, 6)}\n`)) // plain docker's see what they name
  })

  it('takes the name of an image from nobody, nor the owner from the Dockerfile', async () => {
    const id = await idOf('berth/one-abc:v3')
    await build('FROM berth/one-abc:v3\n', '--pull', ...owner('two'))
    expect(await idOf('berth/one-abc:v3')).to.equal(id)
    succeeded(await build(`${from}LABEL berth.app=one\nRUN echo mine > /mine\n`, '-t', 'disguised', ...owner('two')))
    expect(
      await lab.must('image', 'inspect', '--format', '{{index .Config.Labels "berth.app"}}', 'disguised'),
    ).to.equal('two')
    expect(
      (await build(`${from}LABEL berth.app=one\nCOPY --from=berth/one-abc:v3 /secret /\n`, ...owner('two'))).code,
    ).to.not.equal(0)
  })

  it('shows images that are nobody’s by the names they bear, and not by id', async () => {
    succeeded(await build(`${from}RUN echo base > /base\n`, '-t', 'company/base'))
    succeeded(await build('FROM company/base\nRUN test -e /base\n', ...owner('two')))
    const id = (await idOf('company/base')).slice(7, 19)
    expect((await build(`FROM ${id}\n`, ...owner('two'))).code).to.not.equal(0)
    // not even where another's image has the beginning that is its own one's: a prefix is looked up among its own
    succeeded(await build(`${from}RUN echo two > /two\n`, '-t', 'two-own', ...owner('two')))
    const own = (await idOf('two-own')).slice(7, 19)
    succeeded(await build(`FROM ${own}\nRUN test -e /two\n`, ...owner('two')))
  })

  it('removes the caches of one alone, and tells whose they are', async () => {
    const both = 'id=both,target=/c'
    const filters = encodeURIComponent(JSON.stringify({ label: ['berth.app=one'] }))
    const items = async (): Promise<string> =>
      (await lab.run('curl', ['-s', '--unix-socket', lab.socket, 'http://x/system/df?type=build-cache'])).stdout
    expect(await items())
      .to.include('cached mount both of one')
      .and.include('cached mount both of two')
    const pruned = await lab.run('curl', [
      '-s',
      '-X',
      'POST',
      '--unix-socket',
      lab.socket,
      `http://x/build/prune?all=1&filters=${filters}`,
    ])
    expect(pruned.stdout).to.match(/"CachesDeleted":\["/)
    expect(await items())
      .to.include('cached mount both of two')
      .and.not.include('of one"')
    await lab.restart()
    expect(await items())
      .to.include('cached mount both of two')
      .and.not.include('of one"')
    succeeded(await build(step('test -e /c/x && echo still', both), ...owner('two')))
    succeeded(await build(step('test ! -e /c/x', both), ...owner('one')))
  })

  it('refuses an owner that is none', async () => {
    const { code, stderr } = await build(from, ...owner('a b'))
    expect(code).to.not.equal(0)
    expect(stderr).to.include('invalid label berth.app')
  })
})
