import { z } from 'zod'
import { CertState, DomainCheck } from '../domains/contract.js'

const PlatformView = CertState.extend({
  host: z.string().describe("Berth's own hostname"),
  url: z.string().describe('where it is, as this caller came'),
  httpsUrl: z.string().nullable().describe('where it is by HTTPS; null where that is not served'),
  https: z.boolean().describe('git, API and command line come by HTTPS alone'),
})
export type PlatformView = z.output<typeof PlatformView>

export const platform = {
  info: {
    summary: "Say how it is with Berth's own hostname, and its certificate",
    needs: 'admin',
    reply: PlatformView,
  },
  check: {
    summary: "Ask DNS for Berth's own hostname and for those of apps by their names, and say what it should answer",
    needs: 'admin',
    reply: z.array(DomainCheck),
  },
  https: {
    summary: 'Have git, API and command line come by HTTPS alone, or not; switched on by who came so',
    needs: 'admin',
    body: z.strictObject({ https: z.boolean() }),
    reply: z.strictObject({ https: z.boolean() }),
  },
} as const
