import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { messageOf } from '../errors.js'
import { createStrictServer, type AdmittedRequest } from '../http-server.js'
import type { Logger } from '../log.js'
import { createApp } from './app.js'
import { createHandlers } from './handlers.js'
import { admit } from './plain-http.js'
import type { ControlApiDeps } from './platform.js'
import { answerToRefusal, sendRaw } from './refusals.js'
import { createUpgrade } from './upgrade.js'

/** Takes a request that is git's and says so; leaves every other alone. */
export type GitHandler = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>

/** Longer than the router keeps an idle connection, so that it is never us who close one it is about to use. */
const keepAliveMs = 75_000

/** The HTTP server of the api process, not yet listening: git first, then the control API. */
export function createApiServer(platform: ControlApiDeps, git: GitHandler, log: Logger): Server {
  const app = createApp(platform, createHandlers(platform), log)
  const upgrade = createUpgrade(platform)
  const serve = ({ request, response, expectsContinue }: AdmittedRequest) => {
    if (expectsContinue) response.writeContinue()
    admit(platform, request, response)
      .then(async (admitted) => {
        if (admitted && !(await git(request, response))) app(request, response)
      })
      .catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'a request failed')
        if (!response.headersSent) response.writeHead(500).end('Berth failed at this request\n')
        else response.destroy()
      })
  }
  // a push may take as long as it takes, and is answered only when the operation is over
  return createStrictServer(
    { requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: keepAliveMs },
    {
      serve,
      upgrade: (request, socket, head) => void upgrade(request, socket, head),
      refuse: (_request, response, why) => {
        const { status, headers, body } = answerToRefusal(why)
        response.writeHead(status, headers).end(body)
      },
      refuseSocket: (socket, why) => sendRaw(socket, answerToRefusal(why)),
    },
  )
}
