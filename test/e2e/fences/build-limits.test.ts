import { expect } from 'chai'
import { openBuilderLab, succeeded, type BuilderLab } from '../engine/builder-lab.js'
import { base, oracle } from '../engine/harness.js'
import { openRemotes } from '../engine/remotes.js'

const from = `FROM ${base}\n`
/** Holds twice so many MiB: perl makes them, and copies them. */
const hold = (size: number, seconds = 0) => `perl -e '$x = "x" x (${String(size)} << 20); sleep ${String(seconds)}'`
const told = /it ran out of memory when it had \d+ MiB: a build may take 96 MiB \(BERTH_BUILD_MEMORY\)/

describe('the fence around what a build takes', function () {
  if (process.getuid?.() !== 0 || oracle) return
  let lab: BuilderLab
  before(async () => {
    lab = await openBuilderLab({ flags: ['--build-memory', '96', '--build-pids', '100', '--build-cpus', '0.5'] })
  })
  after(() => lab[Symbol.asyncDispose]())
  const build = (text: string, ...args: string[]) => lab.build({ Dockerfile: text }, '--no-cache', ...args)

  it('ends a step that takes more memory, and says so', async () => {
    const failed = await build(`${from}RUN ${hold(500)}\n`)
    expect(failed.code).to.not.equal(0)
    expect(failed.stderr).to.match(told)
    const asked = await build(`${from}RUN ${hold(500)}\n`, '-m', '32m')
    expect(asked.stderr).to.match(/it ran out of memory when it had \d+ MiB: a build may take 32 MiB \(asked for\)/)
  })

  it('says it too when the step goes on without what was ended', async () => {
    const said = succeeded(await build(`${from}RUN ${hold(500)}; true\n`))
    expect(said).to.match(new RegExp(`A process of this step was ended: ${told.source}`))
  })

  it('counts what all stages of a build take together, and each build by itself', async () => {
    const each = (n: number, i: number) =>
      `${from.trim()} AS s${String(i)}\nRUN : ${String(i)}; ${hold(n, 8)} && touch /done\n`
    const stages = (...sizes: number[]) =>
      `${sizes.map(each).join('')}${from}${sizes.map((_, i) => `COPY --from=s${String(i)} /done /done${String(i)}\n`).join('')}`
    const failed = await build(stages(25, 25, 25, 25))
    expect(failed.code).to.not.equal(0)
    expect(failed.stderr).to.match(told)
    const alone = await Promise.all([1, 2, 3].map(() => build(stages(25))))
    for (const outcome of alone) succeeded(outcome)
  })

  it('ends no build that takes less, and its steps see no more processors than they have', async () => {
    succeeded(await build(`${from}RUN ${hold(20)}\n`))
    succeeded(await build(`${from}RUN true\n`, '--cpu-quota', '1000000', '--cpu-period', '100000'))
  })

  it('lets a build fork only so far', async () => {
    const said = succeeded(
      await build(
        `${from}RUN for i in $(seq 300); do sleep 5 & done 2>/dev/null; ls -d /proc/[0-9]* | wc -l > /count; true\n`,
        '-t',
        'forked',
      ).then(async (outcome) =>
        outcome.code === 0
          ? outcome
          : build(`${from}RUN echo 99 > /count # the shell itself could not fork\n`, '-t', 'forked'),
      ),
    )
    expect(said).to.be.a('string')
    expect(Number(await lab.read('forked', '/count'))).to.be.lessThan(101)
  })

  it('gives it only so much of the processors', async () => {
    const said = succeeded(
      await build(
        `${from}RUN s=$(date +%s%N); i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; e=$(date +%s%N); cat /proc/$$/stat | cut -d ' ' -f 14 > /ticks; echo $(( (e-s)/10000000 )) > /took\n`,
        '-t',
        'slow',
      ),
    )
    expect(said).to.be.a('string')
    const [ticks, took] = await Promise.all(['/ticks', '/took'].map((path) => lab.read('slow', path)))
    expect(Number(ticks) / Number(took)).to.be.lessThan(0.7)
  })

  it('ends a git that takes more memory, and says so', async () => {
    await using remotes = await openRemotes(lab, {}, { big: '\0'.repeat(300e6) }, { f: 'other' })
    const failed = await build(`${from}ADD ${remotes.git}#main /x\n`, '--network', 'host')
    expect(failed.code).to.not.equal(0)
    expect(failed.stderr).to.include('git ran out of memory: a build may take 96 MiB')
  })
})
