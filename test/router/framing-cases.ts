/** Every way two readers might disagree on where a request ends that we could think of, and what is to come of it. */
export interface RequestCase {
  readonly bytes: string
  /** The status it is refused with, its connection too; or what the app gets to read. */
  readonly want: number | { readonly body: string; readonly last?: boolean }
}

/** What a body holds that would be a request if it were not a body. */
export const evil = 'GET /smuggled HTTP/1.1\r\nhost: blog.test\r\nx-evil: 1\r\n\r\n'

interface Parts {
  method?: string
  target?: string
  version?: string
  host?: string
}

const request = (headers: string, body = '', parts: Parts = {}): string => {
  const { method = 'POST', target = '/case', version = 'HTTP/1.1', host = 'host: blog.test\r\n' } = parts
  return `${method} ${target} ${version}\r\n${host}${headers}\r\n${body}`
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const chunked = (text: string): string => `${chunk(text)}0\r\n\r\n`
const te = 'transfer-encoding: chunked\r\n'
const cl = (text: string): string => `content-length: ${text.length}\r\n`
const many = (count: number, first = 0): string =>
  Array.from({ length: count }, (_, i) => `h${(first + i).toString(36)}:\r\n`).join('')
const websocket =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'

const refused = (status: number, cases: Record<string, string>): [string, RequestCase][] =>
  Object.entries(cases).map(([name, bytes]) => [name, { bytes, want: status }])

const carried = (cases: Record<string, [bytes: string, body: string, last?: boolean]>): [string, RequestCase][] =>
  Object.entries(cases).map(([name, [bytes, body, last = false]]) => [name, { bytes, want: { body, last } }])

const lengths = [
  '+5',
  '-5',
  '0x5',
  '5 5',
  '5;',
  '5.0',
  '1e1',
  '5,',
  ',5',
  '5, 5',
  '5, 6',
  '99999999999999999999',
  '\xb2',
  '\x0b5',
  '5\x0c',
  '5\0',
  '""',
  '5_0',
  'five',
  '1000000000000000',
]
const encodings = [
  'chunked, gzip',
  'chunked, identity',
  'chunked, chunked',
  '\x0bchunked',
  'chunked\x0c',
  'chunked,',
  'chunked\0',
  '\xa0chunked',
  ' \t chunked \t',
]
const codings = [
  'gzip, chunked',
  ', chunked',
  'gzip',
  'identity',
  'xchunked',
  'chunkedx',
  'chunked;q=1',
  '"chunked"',
  "'chunked'",
  'chun ked',
  'chunked chunked',
  'cow',
]
const encodedBy = (values: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    values.map((value) => [
      `the encoding ${JSON.stringify(value)}`,
      request(`transfer-encoding: ${value}\r\n`, chunked(evil)),
    ]),
  )

export const requestCases: readonly (readonly [string, RequestCase])[] = [
  ...refused(400, {
    'a length and chunks': request(cl(evil) + te, chunked(evil)),
    'chunks and a length': request(te + cl(evil), chunked(evil)),
    'chunks and a length of none': request(`${te}content-length: 0\r\n`, chunked(evil)),
    'chunks and a length far behind': request(te + many(200) + cl(evil), chunked(evil)),
    'two lengths': request(`content-length: 0\r\n${cl(evil)}`, evil),
    'the same length twice': request(cl(evil) + cl(evil), evil),
    'two lengths, the second in capitals': request(`${cl(evil)}CONTENT-LENGTH: 0\r\n`, evil),
    'an empty length': request('content-length:\r\n', evil),
    ...Object.fromEntries(
      lengths.map((value) => [`the length ${JSON.stringify(value)}`, request(`content-length: ${value}\r\n`, evil)]),
    ),
    ...encodedBy(encodings),
    'chunks and another encoding, in two lines': request(`${te}transfer-encoding: identity\r\n`, chunked(evil)),
    'chunks twice, in two lines': request(te + te, chunked(evil)),
    'a folded encoding': request('transfer-encoding:\r\n chunked\r\n', chunked(evil)),
    'a folded length': request('content-length:\r\n 5\r\n', evil),
    'a length in the fold of another header': request(`x: a\r\n ${cl(evil)}`, evil),
    'a fold of tabs': request('x: a\r\n\tb\r\n'),
    'a fold before any header': request('', '', { host: ' host: blog.test\r\n' }),
    'a space before the colon of a length': request('content-length : 5\r\n', evil),
    'a space before the colon of an encoding': request('transfer-encoding : chunked\r\n', chunked(evil)),
    'a tab before the colon of an encoding': request('transfer-encoding\t: chunked\r\n', chunked(evil)),
    'a NUL in a name': request('content-length\0: 5\r\n', evil),
    'a NUL in a value': request('x: a\0b\r\n'),
    'a control character in a name': request('content\x01length: 5\r\n', evil),
    'a bell in a value': request('x: a\x07b\r\n'),
    'a byte above ASCII in a name': request('content-length\xa0: 5\r\n', evil),
    'a header without a name': request(': 5\r\n', evil),
    'a header without a colon': request('content-length\r\n', evil),
    'lines that end in bare line feeds': request(te, chunked(evil)).replaceAll('\r\n', '\n'),
    'one line that ends in a bare line feed': request('x: a\ncontent-length: 5\r\n', evil),
    'a bare carriage return in a value': request(`x: a\r${cl(evil)}`, evil),
    'a bare carriage return for a line end': request('x: a\rtransfer-encoding: chunked\r\n', chunked(evil)),
    'a head that ends in two line feeds': 'GET /case HTTP/1.1\r\nhost: blog.test\n\n',
    'chunks in HTTP/1.0': request(te, chunked(evil), { version: 'HTTP/1.0' }),
    'chunks in HTTP/1.0, kept alive': request(`connection: keep-alive\r\n${te}`, chunked(evil), {
      version: 'HTTP/1.0',
    }),
    'HTTP/1.2': request('', '', { version: 'HTTP/1.2' }),
    'HTTP/11': request('', '', { version: 'HTTP/11' }),
    'http/1.1 in small letters': request('', '', { version: 'http/1.1' }),
    'no version': request('', '', { version: '' }),
    'no Host': request('', '', { host: '' }),
    'two Hosts': request('', '', { host: 'host: blog.test\r\nhost: blog.test\r\n' }),
    'two Hosts that differ': request('', '', { host: 'host: blog.test\r\nHost: evil.test\r\n' }),
    'an empty Host': request('', '', { host: 'host:\r\n' }),
    'a Host with a path': request('', '', { host: 'host: blog.test/x\r\n' }),
    'a WebSocket with a body': request(websocket + cl(evil), evil, { method: 'GET' }),
    'a WebSocket with chunks': request(websocket + te, chunked(evil), { method: 'GET' }),
    'a WebSocket with a length and chunks': request(websocket + te + cl(evil), chunked(evil), { method: 'GET' }),
    'an upgrade to h2c with a length and chunks': request(
      `connection: upgrade\r\nupgrade: h2c\r\n${te}${cl(evil)}`,
      chunked(evil),
    ),
    'an upgrade to h2c with a fold': request('connection: upgrade\r\nupgrade: h2c\r\nx: a\r\n b\r\n'),
  }),
  ...refused(431, {
    '501 header lines': request(many(500)),
    '1,000 header lines and a length': request(many(999) + cl(evil), evil, { method: 'GET' }),
    '1,001 header lines and a length': request(many(1000) + cl(evil), evil, { method: 'GET' }),
    '1,001 header lines and chunks': request(many(1000) + te, chunked(evil), { method: 'GET' }),
    '2,001 header lines and a length': request(many(2000) + cl(evil), evil, { method: 'GET' }),
    '3,000 header lines, a length first': request(cl(evil) + many(3000), evil),
    '1,001 header lines and an upgrade': request(websocket + many(1000) + cl(evil), evil, { method: 'GET' }),
    '1,001 header lines, the Host last': request(many(1000), '', { host: '' }).replace(
      /\r\n$/,
      'host: blog.test\r\n\r\n',
    ),
    'a header of 20,000 bytes': request(`x: ${'a'.repeat(20_000)}\r\n`),
    'an address of 20,000 bytes': request('', '', { target: `/${'a'.repeat(20_000)}` }),
  }),
  ...refused(501, encodedBy(codings)),
  ...refused(505, {
    'HTTP/2.0': request(cl(evil), evil, { version: 'HTTP/2.0' }),
    'HTTP/0.9': request(cl(evil), evil, { version: 'HTTP/0.9' }),
  }),
  ...refused(417, {
    'an expectation nobody knows': request(`expect: the unexpected\r\n${cl(evil)}`, evil),
  }),
  ...refused(405, {
    CONNECT: request('', '', { method: 'CONNECT', target: 'blog.test:443' }),
    'CONNECT with a body': request(cl(evil), evil, { method: 'CONNECT', target: 'blog.test:443' }),
    'TRACE with a body': request(cl(evil), evil, { method: 'TRACE' }),
  }),
  ...carried({
    'a length between blanks and tabs': [request(`content-length: \t ${evil.length} \t\r\n`, evil), evil],
    ...Object.fromEntries(
      ['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'PROPFIND'].flatMap((method) => [
        [`${method} with a length`, [request(cl(evil), evil, { method }), evil]],
        [`${method} with chunks`, [request(te, chunked(evil), { method }), evil]],
        [`${method} with neither`, [request('', '', { method }), '']],
        [`${method} with a length of none`, [request('content-length: 0\r\n', '', { method }), '']],
      ]),
    ),
    'HEAD with a length': [request(cl(evil), evil, { method: 'HEAD' }), evil],
    'HEAD with chunks': [request(te, chunked(evil), { method: 'HEAD' }), evil],
    'an empty body in chunks': [request(te, '0\r\n\r\n'), ''],
    'several chunks': [request(te, chunk(evil) + chunk('two') + chunked(evil)), `${evil}two${evil}`],
    'chunk sizes with zeros before': [request(te, `00005\r\nhello\r\n0\r\n\r\n`), 'hello'],
    'a chunk size in capitals': [request(te, `A\r\n0123456789\r\n000\r\n\r\n`), '0123456789'],
    'a chunk extension': [request(te, `5;name=value\r\nhello\r\n0;last\r\n\r\n`), 'hello'],
    'a chunk extension in quotes': [request(te, `5;a="b c"\r\nhello\r\n0\r\n\r\n`), 'hello'],
    'an encoding in mixed case': [request('Transfer-Encoding: ChUnKeD\r\n', chunked(evil)), evil],
    'two spaces before the version': [request(cl(evil), evil, { target: '/case ' }), evil],
    'an encoding between spaces': [request('transfer-encoding:   chunked  \r\n', chunked(evil)), evil],
    'a length between spaces': [request(`content-length:   ${evil.length}  \r\n`, evil), evil],
    trailers: [request(te, `5\r\nhello\r\n0\r\nx-sum: 1\r\nx-evil: GET /smuggled HTTP/1.1\r\n\r\n`), 'hello'],
    'a length with zeros before': [request(`content-length: 000${evil.length}\r\n`, evil), evil],
    'no blank after the colon': [request(`content-length:${evil.length}\r\n`, evil), evil],
    'a length far behind 200 headers': [request(many(200) + cl(evil), evil, { method: 'GET' }), evil],
    '500 header lines': [request(many(498) + cl(evil), evil, { method: 'GET' }), evil],
    Content_Length: [request(`content_length: 5\r\n${cl(evil)}`, evil), evil],
    'Content_Length alone': [request('content_length: 5\r\n', '', { method: 'GET' }), ''],
    'Transfer_Encoding alone': [request('transfer_encoding: chunked\r\n', '', { method: 'GET' }), ''],
    'a length that Connection names': [
      request(`connection: content-length\r\n${cl(evil)}`, evil, { method: 'GET' }),
      evil,
    ],
    'chunks that Connection names': [
      request(`connection: transfer-encoding, te\r\nte: trailers\r\n${te}`, chunked(evil)),
      evil,
    ],
    'a Host that Connection names': [request(`connection: host, content-length\r\n${cl(evil)}`, evil), evil],
    'an absolute target': [request(cl(evil), evil, { target: 'http://blog.test/case' }), evil],
    'an absolute target and another Host': [
      request(cl(evil), evil, { target: 'http://blog.test/case', host: 'host: evil.test\r\n' }),
      evil,
    ],
    'HTTP/1.0 with a length': [request(cl(evil), evil, { version: 'HTTP/1.0' }), evil, true],
    'HTTP/1.0 kept alive': [request(`connection: keep-alive\r\n${cl(evil)}`, evil, { version: 'HTTP/1.0' }), evil],
    'Connection: close': [request(`connection: close\r\n${cl(evil)}`, evil), evil, true],
    'an upgrade to h2c with a body': [request(`connection: upgrade\r\nupgrade: h2c\r\n${cl(evil)}`, evil), evil],
    'an upgrade to h2c with chunks': [request(`connection: upgrade\r\nupgrade: h2c\r\n${te}`, chunked(evil)), evil],
    'a POST that asks for a WebSocket': [request(websocket + cl(evil), evil), evil],
    'an upgrade that Connection does not name': [request(`upgrade: websocket\r\n${cl(evil)}`, evil), evil],
    'Expect with a body that does not wait': [request(`expect: 100-continue\r\n${cl(evil)}`, evil), evil],
    'Expect with chunks that do not wait': [request(`expect: 100-continue\r\n${te}`, chunked(evil)), evil],
    'Expect without a body': [request('expect: 100-continue\r\n', '', { method: 'GET' }), ''],
    'Expect in HTTP/1.0': [request(`expect: 100-continue\r\n${cl(evil)}`, evil, { version: 'HTTP/1.0' }), evil, true],
    'empty lines before it': [`\r\n\r\n${request(cl(evil), evil)}`, evil],
    'bytes above ASCII in a value': [request(`x: \xe4\xff\r\n${cl(evil)}`, evil), evil],
    'headers named like properties': [
      request(`__proto__: a\r\nconstructor: b\r\ntostring: c\r\n${cl(evil)}`, evil),
      evil,
    ],
  }),
]

/** Bodies that break while they are read: the request has begun by then, and nothing after it is one. */
export const brokenBodies: Record<string, string> = {
  'a chunk size with 0x': request(te, `0x5\r\nhello\r\n0\r\n\r\n${evil}`),
  'a chunk size with a sign': request(te, `+5\r\nhello\r\n0\r\n\r\n${evil}`),
  'a negative chunk size': request(te, `-5\r\nhello\r\n0\r\n\r\n${evil}`),
  'an empty chunk size': request(te, `\r\n${evil}`),
  'a chunk size of words': request(te, `zz\r\n${evil}`),
  'a chunk size that overflows': request(te, `FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n${evil}`),
  'a chunk size and a bare line feed': request(te, `5\nhello\r\n0\r\n\r\n${evil}`),
  'a chunk size and a bare carriage return': request(te, `5\rhello\r\n0\r\n\r\n${evil}`),
  'a line feed in a chunk extension': request(te, `5;a\nhello\r\n0\r\n\r\n${evil}`),
  'a chunk without its line end': request(te, `5\r\nhello0\r\n\r\n${evil}`),
  'a chunk that ends in a line feed': request(te, `5\r\nhello\n0\r\n\r\n${evil}`),
  'a chunk longer than it says': request(te, `5\r\nhello!\r\n0\r\n\r\n${evil}`),
  'a length in the trailers': request(te, `5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\n${evil}`),
  'an encoding in the trailers': request(te, `5\r\nhello\r\n0\r\ntransfer-encoding: chunked\r\n\r\n${evil}`),
  'a trailer without a colon': request(te, `5\r\nhello\r\n0\r\nnonsense\r\n\r\n${evil}`),
  'a trailer with a blank before its colon': request(te, `5\r\nhello\r\n0\r\nx : a\r\n\r\n${evil}`),
}
