import { z } from 'zod'
import { portProtocols } from '../../store/ports.js'
import { OfApp, Time } from '../schemas.js'

const Protocol = z.enum(portProtocols)

const PortNumber = z.int().min(1, 'from 1 to 65535').max(65_535, 'from 1 to 65535')

export const PortView = z.strictObject({
  port: z.int().describe('of this machine'),
  protocol: Protocol,
  to: z.int().describe('where the processes listen'),
  type: z.string().describe('process type'),
  proxyProtocol: z.boolean().describe('each connection begins with a head of the PROXY protocol, version 2'),
  createdAt: Time,
  processes: z.int().describe('how many processes it leads to now'),
  problem: z.string().nullable().describe('why it is not open; null: it is, as far as is known'),
})
export type PortView = z.output<typeof PortView>

export const ports = {
  list: {
    summary: 'List the ports of the machine that lead to an app',
    needs: 'view',
    params: OfApp,
    reply: z.array(PortView),
  },
  add: {
    summary: 'Have a port of the machine lead to an app, at once, or lead elsewhere in it; makes no release',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({
      port: PortNumber,
      protocol: Protocol.optional().describe('default tcp'),
      to: PortNumber.optional().describe('where the processes listen; default the same number'),
      type: z.string().min(1).max(100).optional().describe('process type; default web'),
      proxyProtocol: z
        .boolean()
        .optional()
        .describe('each connection begins with a head of the PROXY protocol, version 2, which says who the client is'),
    }),
    reply: PortView,
    status: 201,
  },
  remove: {
    summary: 'Take a port of the machine from an app, at once: what is under way by it is broken off; makes no release',
    needs: 'manage',
    params: OfApp.extend({ port: z.string().min(1).max(40).describe('5432:tcp') }),
    reply: PortView,
  },
} as const
