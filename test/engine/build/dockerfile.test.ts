import { expect } from 'chai'
import fc from 'fast-check'
import { parseDockerfile, targetStage } from '../../../src/engine/build/dockerfile.js'
import type { CopyInstruction, Instruction, RunInstruction } from '../../../src/engine/build/instructions.js'
import { DockerfileError } from '../../../src/engine/build/source.js'

const instructions = (text: string): readonly Instruction[] =>
  parseDockerfile('Dockerfile', text).stages.flatMap((stage) => [stage.from, ...stage.instructions])

type Of<K, I = Instruction> = I extends { kind: infer J } ? (K extends J ? I : never) : never

const only = <K extends Instruction['kind']>(kind: K, text: string): Of<K> =>
  instructions(`FROM x\n${text}`).find((one) => one.kind === kind) as Of<K>

const failure = (text: string): string => {
  try {
    parseDockerfile('Dockerfile', text)
  } catch (error) {
    expect(error).to.be.instanceOf(DockerfileError)
    return (error as Error).message
  }
  throw new Error('no error')
}

describe('reading a Dockerfile', () => {
  it('knows every instruction', () => {
    const text = [
      'FROM debian AS one',
      'RUN true',
      'COPY a b',
      'ADD a b',
      'ENV a=b',
      'ARG a',
      'WORKDIR /a',
      'USER a',
      'EXPOSE 80',
      'VOLUME /a',
      'LABEL a=b',
      'CMD a',
      'ENTRYPOINT ["a"]',
      'HEALTHCHECK CMD true',
      'SHELL ["/bin/bash", "-c"]',
      'STOPSIGNAL TERM',
      'MAINTAINER me',
      'ONBUILD RUN true',
    ]
    const kinds = text.map((line) => line.split(' ')[0])
    expect(instructions(text.join('\n')).map(({ kind }) => kind)).to.deep.equal(kinds)
  })

  it('takes keywords in any case and joins continued lines', () => {
    const run = only('RUN', 'run echo a \\\n  # a comment among them\n\n  b \\  \n  c')
    expect(run.command).to.deep.equal({ form: 'shell', text: 'echo a   b   c' })
  })

  it('reads CRLF, a byte order mark and the escape directive', () => {
    const [from, run] = instructions('\uFEFF# escape=`\r\nFROM x\r\nRUN a `\r\n  b\\\r\n')
    expect(from?.kind).to.equal('FROM')
    expect((run as RunInstruction).command).to.deep.equal({ form: 'shell', text: 'a   b\\' })
  })

  it('tells the JSON form from a command that begins with a bracket', () => {
    expect(only('CMD', 'CMD ["a", "b c"]').command).to.deep.equal({ form: 'exec', args: ['a', 'b c'] })
    expect(only('CMD', "CMD ['a']").command).to.deep.equal({ form: 'shell', text: "['a']" })
    expect(only('CMD', 'CMD [ -f x ] && y').command).to.deep.equal({ form: 'shell', text: '[ -f x ] && y' })
  })

  it('reads heredocs: several, quoted, with tabs', () => {
    const copy = only('COPY', `COPY <<a <<-"b" /to/\none $x\na\n\ttwo $x\n\tb`)
    expect(copy.sources).to.deep.equal([])
    expect(copy.heredocs).to.deep.equal([
      { name: 'a', content: 'one $x\n', expand: true, word: '<<a' },
      { name: 'b', content: 'two $x\n', expand: false, word: '<<-"b"' },
    ])
    const run = only('RUN', 'RUN cat <<EOF > /x\n# no comment \\\nEOF\nCMD x')
    expect(run.command).to.deep.equal({ form: 'shell', text: 'cat <<EOF > /x' })
    expect(run.heredocs[0]?.content).to.equal('# no comment \\\n')
    expect(only('RUN', 'RUN echo "<<EOF" && x=$((1<<2))').heredocs).to.deep.equal([])
    const apart = only('RUN', `RUN cat << 'EOF' > /x && cat <<-  B\n$one\nEOF\n\ttwo\n\tB\nCMD x`)
    expect(apart.command).to.deep.equal({ form: 'shell', text: `cat <<'EOF' > /x && cat <<-B` })
    expect(apart.heredocs.map(({ content, expand }) => ({ content, expand }))).to.deep.equal([
      { content: '$one\n', expand: false },
      { content: 'two\n', expand: true },
    ])
    for (const text of ['RUN x=$(( 1 << 2 ))', 'RUN echo "<< EOF"', 'RUN echo \\<< x', 'RUN cat << -x'])
      expect(only('RUN', text).heredocs, text).to.deep.equal([])
  })

  it('reads flags and mounts', () => {
    const run = only(
      'RUN',
      'RUN --network=none --mount=type=cache,id=n,target=/c,sharing=locked,mode=0700,uid=5 --mount=target=/s,from=b a',
    )
    expect(run.network).to.equal('none')
    const [cache, bind] = run.mounts
    expect(cache).to.include({ type: 'cache', id: 'n', target: '/c', sharing: 'locked', mode: 0o700, uid: 5 })
    expect(bind).to.include({ type: 'bind', target: '/s', from: 'b', readonly: true })
    const copy = only('COPY', 'COPY --from=a --chown=1:2 --chmod=755 b c d/')
    const words = ({ sources, from, chown, chmod, target }: CopyInstruction) =>
      [...sources, from, chown, chmod, target].map((word) => word?.text)
    expect(words(copy)).to.deep.equal(['b', 'c', 'a', '1:2', '755', 'd/'])
  })

  it('reads pairs in both forms', () => {
    const pairs = (text: string) => only('ENV', text).pairs.map(({ key, value }) => [key.text, value.text])
    expect(pairs('ENV a=b c="d e" f=g\\ h')).to.deep.equal([
      ['a', 'b'],
      ['c', '"d e"'],
      ['f', 'g\\ h'],
    ])
    expect(pairs('ENV a b  c=d')).to.deep.equal([['a', 'b  c=d']])
  })

  it('reads health checks in nanoseconds', () => {
    const { healthcheck } = only('HEALTHCHECK', 'HEALTHCHECK --interval=1m30s --retries=2 CMD ["a"]')
    expect(healthcheck).to.deep.equal({
      command: { form: 'exec', args: ['a'] },
      times: { Interval: 90e9, Retries: 2 },
    })
  })

  it('cuts into stages, with the ARGs before them apart', () => {
    const read = parseDockerfile('Dockerfile', 'ARG v=1\nFROM a AS One\nRUN x\nFROM one\nCMD y')
    expect(read.globals).to.have.length(1)
    expect(read.stages.map(({ from }) => from.name)).to.deep.equal(['one', undefined])
    expect(targetStage(read, 'ONE').index).to.equal(0)
    expect(() => targetStage(read, 'onee')).to.throw('did you mean one?')
  })

  const mistakes: readonly (readonly [text: string, message: string])[] = [
    ['', '1:1: file with no instructions'],
    ['RUN x', '1:1: no build stage in current context'],
    ['FROM a\n\nRNU x', '3:1: unknown instruction: RNU (did you mean RUN?)'],
    ['FROM a\n  FORM b', '2:3: unknown instruction: FORM (did you mean FROM?)'],
    ['FROM', '1:1: FROM requires an argument'],
    ['FROM a b', '1:8: FROM requires either one or three arguments'],
    ['FROM a AS 1x', '1:11: invalid name for build stage: "1x"'],
    ['FROM a\nCOPY x', '2:6: COPY requires at least two arguments'],
    ['FROM a\nCOPY --form=b c d', '2:6: unknown flag: --form (did you mean --from?)'],
    ['FROM a\nENV a=b c', '2:9: cannot find = in "c"'],
    ['FROM a\nENV a', '2:5: ENV must have two arguments'],
    ['FROM a\nENV a=b \\\n  c="d', '3:5: unexpected end of the instruction: a " is never closed'],
    ['FROM a\nRUN <<EOF\nx', '2:5: heredoc "<<EOF" is never closed'],
    ['FROM a\nRUN --mount=type=cache x', '2:5: a cache mount needs a target'],
    ['FROM a\nRUN --mount=type=cach,target=/x y', '2:5: mount type "cach" is not supported'],
    [
      'FROM a\nRUN --mount=type=cache,taget=/x y',
      '2:5: unexpected key "taget" in a cache mount (did you mean target?)',
    ],
    ['FROM a\nSHELL /bin/sh', '2:7: SHELL requires the arguments to be in JSON form'],
    ['FROM a\nHEALTHCHECK RUN x', '2:13: unknown type "RUN" in HEALTHCHECK'],
    ['FROM a\nHEALTHCHECK --interval=5 CMD x', '2:13: "5" is no duration'],
    ['FROM a\nONBUILD FROM b', '2:9: FROM is not allowed as an ONBUILD trigger'],
    ['FROM a\nONBUILD COPY x', '2:14: COPY requires at least two arguments'],
    ['FROM a\nARG 1=2', '2:5: invalid name for a build argument: "1"'],
    ['# escape=x\nFROM a', '1:1: invalid escape token "x"'],
    ['FROM a\nUSER a b', '2:8: USER requires exactly one argument'],
  ]
  for (const [text, message] of mistakes)
    it(`points at the mistake in ${JSON.stringify(text)}`, () =>
      expect(failure(text)).to.satisfy((said: string) => said.startsWith(`Dockerfile:${message}`), failure(text)))

  it('never fails in another way, whatever it is given', () => {
    const word = fc.constantFrom(
      'FROM',
      'RUN',
      'COPY',
      'ENV',
      'a',
      '<<EOF',
      'EOF',
      '\\',
      '"',
      "'",
      '[',
      '--mount=',
      '\n',
      '=',
    )
    const text = fc.array(fc.oneof(word, fc.string()), { maxLength: 30 }).map((parts) => parts.join(' '))
    fc.assert(
      fc.property(text, (given) => {
        try {
          parseDockerfile('Dockerfile', given)
        } catch (error) {
          expect(error).to.be.instanceOf(DockerfileError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
