import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import type { Target } from '../../src/store/routes.js'

const plain = { serialize: (text: string) => Buffer.from(text), deserialize: (bytes: Buffer) => bytes.toString() }
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/test.Talk/${name}`, requestStream, responseStream },
  ...{ requestSerialize: plain.serialize, requestDeserialize: plain.deserialize },
  ...{ responseSerialize: plain.serialize, responseDeserialize: plain.deserialize },
})

/** The four kinds of calls. */
export const talk = {
  say: method('Say', false, false),
  tell: method('Tell', false, true),
  collect: method('Collect', true, false),
  chat: method('Chat', true, true),
} satisfies grpc.ServiceDefinition

export interface GrpcApp extends AsyncDisposable {
  readonly server: grpc.Server
  readonly target: (id?: string) => Target
  /** Calls that their clients cancelled. */
  readonly cancelled: () => number
}

/** A process that speaks gRPC without TLS, as its library has it. */
export async function grpcApp(name: string, own: Partial<grpc.UntypedServiceImplementation> = {}): Promise<GrpcApp> {
  const server = new grpc.Server()
  let cancelled = 0
  server.addService(talk, {
    say: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) => {
      if (call.request === 'fail') {
        done({ code: grpc.status.FAILED_PRECONDITION, details: 'not so', metadata: metadataOf({ 'x-why': 'because' }) })
        return
      }
      call.sendMetadata(metadataOf({ 'x-process': name }))
      const told = ['x-forwarded-for', 'x-forwarded-proto', 'authorization'].map(
        (key) => call.metadata.get(key)[0] ?? '-',
      )
      done(null, `${name} ${call.request} ${call.getPath()} ${told.join(' ')}`, metadataOf({ 'x-after': 'all' }))
    },
    tell: (call: grpc.ServerWritableStream<string, string>) => {
      call.on('cancelled', () => (cancelled += 1))
      const [count = 0, silence = 0] = call.request.split(' ').map(Number)
      call.write('first')
      setTimeout(() => {
        for (let at = 1; at < count; at++) call.write(`${at} ${'x'.repeat(1000)}`)
        if (count > 0) call.end(metadataOf({ 'x-after': 'all' }))
      }, silence)
    },
    collect: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
      let bytes = 0
      call.on('data', (piece: string) => (bytes += piece.length))
      call.on('end', () => done(null, `${name} ${bytes}`))
    },
    chat: (call: grpc.ServerDuplexStream<string, string>) => {
      call.on('cancelled', () => (cancelled += 1))
      call.on('data', (said: string) => call.write(`${name} ${said}`))
      call.on('end', () => call.end())
    },
    ...(own as object),
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  return {
    server,
    target: (id = `g${port}`) => ({ id, process: 'web.1', host: '127.0.0.1', port }),
    cancelled: () => cancelled,
    [Symbol.asyncDispose]: () => {
      server.forceShutdown()
      return Promise.resolve()
    },
  }
}

export function metadataOf(all: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(all)) metadata.set(name, value)
  return metadata
}

type Talk = grpc.Client & {
  say: (...args: unknown[]) => grpc.ClientUnaryCall
  tell: (text: string, ...args: unknown[]) => grpc.ClientReadableStream<string>
  collect: (...args: unknown[]) => grpc.ClientWritableStream<string>
  chat: (...args: unknown[]) => grpc.ClientDuplexStream<string, string>
}

/** A client of gRPC that comes by a router. @param ca the router's certificate, where it comes by TLS */
export function grpcClient(
  port: number,
  { host = 'talk.test', ca }: { host?: string; ca?: string } = {},
): Talk & Disposable {
  const Client = grpc.makeGenericClientConstructor(talk, 'test.Talk')
  const credentials = ca === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(Buffer.from(ca))
  const name = {
    'grpc.default_authority': host,
    ...(ca === undefined ? {} : { 'grpc.ssl_target_name_override': host }),
  }
  const client = new Client(`127.0.0.1:${port}`, credentials, { ...name, 'grpc.use_local_subchannel_pool': 1 })
  return Object.assign(client as unknown as Talk, { [Symbol.dispose]: () => client.close() })
}

/** What came of a unary call: the answer and all that goes with it. */
export interface Answered {
  readonly text: string | undefined
  readonly code: grpc.status
  readonly details: string
  readonly before: grpc.Metadata | undefined
  readonly after: grpc.Metadata
}

/** Makes a call with one answer. */
export async function answered(
  call: (
    done: (error: grpc.ServiceError | null, text?: string) => void,
  ) => grpc.ClientUnaryCall | grpc.ClientWritableStream<string>,
): Promise<Answered> {
  let text: string | undefined
  let before: grpc.Metadata | undefined
  const under = call((_error, said) => (text = said))
  under.on('metadata', (metadata: grpc.Metadata) => (before = metadata))
  const [{ code, details, metadata }] = (await once(under, 'status')) as [grpc.StatusObject]
  return { text, code, details, before, after: metadata }
}

/** How a stream ends. */
export const statusOf = (
  stream: grpc.ClientReadableStream<string> | grpc.ClientDuplexStream<string, string>,
): Promise<grpc.StatusObject> => new Promise((resolve) => stream.on('error', () => undefined).once('status', resolve))
