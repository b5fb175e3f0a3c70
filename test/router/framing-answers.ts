/** What an app may say to a request, and what of it its client is to get. */
export interface AnswerCase {
  /** Of the request; default GET. */
  readonly method?: string
  readonly bytes: string
  /** The app closes after it. */
  readonly closes?: boolean
  /** A page in its place; the answer whole; or what there is of it, cut off so that the client can tell. */
  readonly want: 502 | 'cut' | { readonly status?: number; readonly body: string }
}

/** An answer that nobody asked for: taken for one, the next client would get it. */
export const stray = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\nx-stray: 1\r\n\r\nstray!'

const answer = (headers: string, body = '', start = 'HTTP/1.1 200 OK'): string => `${start}\r\n${headers}\r\n${body}`
const cl = (text: string): string => `content-length: ${text.length}\r\n`
const te = 'transfer-encoding: chunked\r\n'
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const chunked = (text: string): string => `${chunk(text)}0\r\n\r\n`
const many = (count: number): string => Array.from({ length: count }, (_, i) => `h${i.toString(36)}:\r\n`).join('')

type Cases = [string, AnswerCase][]
const refused = (cases: Record<string, string>): Cases =>
  Object.entries(cases).map(([name, bytes]) => [name, { bytes, want: 502 }])
const carried = (cases: Record<string, string>, body = 'hello'): Cases =>
  Object.entries(cases).map(([name, bytes]) => [name, { bytes, want: { body } }])
const cut = (cases: Record<string, string>): Cases =>
  Object.entries(cases).map(([name, bytes]) => [name, { bytes, closes: true, want: 'cut' }])

const lengths = [
  '+5',
  '-5',
  '0x5',
  '5 5',
  '5.0',
  '5,',
  '5, 5',
  '5, 6',
  '99999999999999999999',
  '\xb2',
  '""',
  'five',
  '1000000000000000',
]
const encodings = [
  'gzip, chunked',
  'chunked, gzip',
  'gzip',
  'identity',
  'chunked, chunked',
  'xchunked',
  'chunkedx',
  'chunked;q=1',
  '"chunked"',
  '\x0bchunked',
  'cow',
]

export const answerCases: readonly (readonly [string, AnswerCase])[] = [
  ...refused({
    'a length and chunks': answer(cl('hello') + te, chunked('hello')),
    'chunks and a length': answer(te + cl('hello'), chunked('hello')),
    'chunks and a length far behind': answer(te + many(200) + cl('hello'), chunked('hello')),
    'two lengths': answer(`content-length: 0\r\n${cl('hello')}`, 'hello'),
    'the same length twice': answer(cl('hello') + cl('hello'), 'hello'),
    ...Object.fromEntries(
      lengths.map((value) => [`the length ${JSON.stringify(value)}`, answer(`content-length: ${value}\r\n`, 'hello')]),
    ),
    ...Object.fromEntries(
      encodings.map((value) => [
        `the encoding ${JSON.stringify(value)}`,
        answer(`transfer-encoding: ${value}\r\n`, chunked('hello')),
      ]),
    ),
    'chunks twice, in two lines': answer(te + te, chunked('hello')),
    'chunks in HTTP/1.0': answer(te, chunked('hello'), 'HTTP/1.0 200 OK'),
    'HTTP/2.0': answer(cl('hello'), 'hello', 'HTTP/2.0 200 OK'),
    'HTTP/0.9': answer(cl('hello'), 'hello', 'HTTP/0.9 200 OK'),
    'no version': answer(cl('hello'), 'hello', '200 OK'),
    'a status of two digits': answer(cl('hello'), 'hello', 'HTTP/1.1 20 OK'),
    'a status of four digits': answer(cl('hello'), 'hello', 'HTTP/1.1 2000 OK'),
    'status 0': answer(cl('hello'), 'hello', 'HTTP/1.1 000 OK'),
    'a switch of protocols nobody asked for': answer(
      'connection: upgrade\r\nupgrade: x\r\n',
      stray,
      'HTTP/1.1 101 Switching Protocols',
    ),
    'a fold': answer(`x: a\r\n b\r\n${cl('hello')}`, 'hello'),
    'a folded length': answer('content-length:\r\n 5\r\n', 'hello'),
    'a length in the fold of another': answer(`x: a\r\n ${cl('hello')}`, 'hello'),
    'a space before a colon': answer('content-length : 5\r\n', 'hello'),
    'a NUL in a value': answer(`x: a\0b\r\n${cl('hello')}`, 'hello'),
    'a bell in a value': answer(`x: a\x07b\r\n${cl('hello')}`, 'hello'),
    'a NUL in a name': answer('content\0length: 5\r\n', 'hello'),
    'a bare carriage return in a value': answer(`x: a\r${cl('hello')}`, 'hello'),
    'lines that end in bare line feeds': answer(cl('hello'), 'hello').replaceAll('\r\n', '\n'),
    'a bare line feed': answer(`x: a\n${cl('hello')}`, 'hello'),
    'a header without a colon': answer(`nonsense\r\n${cl('hello')}`, 'hello'),
    'a header without a name': answer(`: a\r\n${cl('hello')}`, 'hello'),
    '501 header lines': answer(many(500) + cl('hello'), 'hello'),
    '1,001 header lines, a length last': answer(many(1000) + cl('hello'), 'hello'),
    '1,001 header lines, chunks last': answer(many(1000) + te, chunked('hello')),
    '2,001 header lines, a length last': answer(many(2000) + cl('hello'), 'hello'),
    '2,001 header lines, a length and chunks': answer(many(1998) + cl('hello') + te, chunked('hello')),
    'headers of 20,000 bytes': answer(`x: ${'a'.repeat(20_000)}\r\n${cl('hello')}`, 'hello'),
    'nothing like HTTP': 'SMTP ready\r\n\r\n',
    'an answer after 1,000 lines of interim': `HTTP/1.1 103 Hints\r\n${many(10)}\r\nHTTP/1.1 2`.repeat(2),
  }),
  ...carried({
    'a length': answer(cl('hello'), 'hello'),
    'a length between spaces': answer('content-length:   5  \r\n', 'hello'),
    'a length with zeros before': answer('content-length: 0005\r\n', 'hello'),
    chunks: answer(te, chunked('hello')),
    'several chunks': answer(te, chunk('he') + chunked('llo')),
    'chunks in mixed case': answer('Transfer-Encoding: ChUnKeD\r\n', chunked('hello')),
    'chunk extensions': answer(te, '5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n'),
    'a chunk size with zeros before': answer(te, '0005\r\nhello\r\n0\r\n\r\n'),
    trailers: answer(`trailer: x-sum\r\n${te}`, '5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n'),
    '500 header lines': answer(many(499) + cl('hello'), 'hello'),
    'a length that Connection names': answer(`connection: content-length\r\n${cl('hello')}`, 'hello'),
    'chunks that Connection names': answer(`connection: transfer-encoding\r\n${te}`, chunked('hello')),
    'Content_Length beside it': answer(`content_length: 7\r\ntransfer_encoding: chunked\r\n${cl('hello')}`, 'hello'),
    'no reason': answer(cl('hello'), 'hello', 'HTTP/1.1 200'),
    'a reason that cannot be written': answer(cl('hello'), 'hello', 'HTTP/1.1 200 \xff\xfe'),
    'HTTP/1.0 with a length': answer(cl('hello'), 'hello', 'HTTP/1.0 200 OK'),
    'a status nobody knows': answer(cl('hello'), 'hello', 'HTTP/1.1 200 OK'),
    'bytes above ASCII': answer(`x: \xe4\xff\r\n${cl('hello')}`, 'hello'),
    'headers named like properties': answer(`__proto__: a\r\nconstructor: b\r\n${cl('hello')}`, 'hello'),
    'interim answers before it': `HTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${answer(cl('hello'), 'hello')}`,
    'an interim answer with a length': `HTTP/1.1 103 Hints\r\ncontent-length: 5\r\n\r\n${answer(cl('hello'), 'hello')}`,
    'a stray answer behind it': answer(cl('hello'), 'hello') + stray,
    'stray bytes behind it': answer(cl('hello'), `hello and more`),
    'a line end too many': answer(cl('hello'), 'hello\r\n'),
    'a stray answer behind chunks': answer(te, chunked('hello')) + stray,
    'stray bytes behind chunks': answer(te, `${chunked('hello')}0\r\n\r\n`),
    'Connection: close and a stray answer': answer(`connection: close\r\n${cl('hello')}`, `hello${stray}`),
  }),
  ...carried(
    {
      'a length of none': answer('content-length: 0\r\n'),
      'a length of none and a body': answer('content-length: 0\r\n', 'hello'),
      'a length of none and a stray answer': answer('content-length: 0\r\n', stray),
      'no chunk': answer(te, '0\r\n\r\n'),
    },
    '',
  ),
  ...(
    [
      ['a length', cl('hello'), ''],
      ['a length and its body', cl('hello'), 'hello'],
      ['a length that makes an answer of what follows', `content-length: ${stray.length}\r\n`, stray],
      ['chunks and their body', te, chunked('hello')],
      ['neither and a stray answer', '', stray],
    ] as const
  ).flatMap(([what, headers, body]): Cases => {
    const bodiless = (status: number, start: string): AnswerCase => ({
      bytes: answer(headers, body, start),
      want: { status, body: '' },
    })
    return [
      [`204 with ${what}`, bodiless(204, 'HTTP/1.1 204 No Content')],
      [`304 with ${what}`, bodiless(304, 'HTTP/1.1 304 Not Modified')],
      [`an answer to HEAD with ${what}`, { ...bodiless(200, 'HTTP/1.1 200 OK'), method: 'HEAD' }],
    ]
  }),
  ['neither length nor chunks: to the end', { bytes: answer('', 'hello'), closes: true, want: { body: 'hello' } }],
  ['HTTP/1.0, to the end', { bytes: answer('', 'hello', 'HTTP/1.0 200 OK'), closes: true, want: { body: 'hello' } }],
  ['to the end, what looks like an answer', { bytes: answer('', stray), closes: true, want: { body: stray } }],
  ...cut({
    'half a body': answer('content-length: 10\r\n', 'hello'),
    'half a chunk': answer(te, 'a\r\nhello'),
    'no last chunk': answer(te, chunk('hello')),
    'half a chunk size': answer(te, `${chunk('hello')}5`),
    'no end of the trailers': answer(te, `${chunk('hello')}0\r\nx: 1\r\n`),
    'a chunk size of words': answer(te, `${chunk('hello')}zz\r\n`),
    'a chunk longer than it says': answer(te, `5\r\nhello!\r\n0\r\n\r\n`),
    'a chunk size and a bare line feed': answer(te, `${chunk('hello')}5\nhello\r\n0\r\n\r\n`),
    'a length in the trailers': answer(te, `${chunk('hello')}0\r\ncontent-length: 5\r\n\r\n`),
  }),
]
