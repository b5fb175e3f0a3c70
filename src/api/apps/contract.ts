import { z } from 'zod'
import { OperationView } from '../operations/contract.js'
import { GitSourceView } from '../git/contract.js'
import { Formation } from '../formation/contract.js'
import { OfApp, Switch, Time } from '../schemas.js'

export const AppView = z.strictObject({
  id: z.string().describe('never changes'),
  name: z.string().describe('its hostname under the domain; may change'),
  createdAt: Time,
  url: z.string().describe('where it answers'),
  gitUrl: z.string().describe('where it is pushed'),
  deployBranch: z.string().nullable().describe('branch whose pushes deploy; null is main or master'),
  release: z.int().describe('version of the release that runs, or should'),
})
export type AppView = z.output<typeof AppView>

export const AppInfo = AppView.extend({
  description: z.string().describe('what the running release changed'),
  commit: z.string().nullable(),
  source: GitSourceView.nullable().describe('repository that it is kept from'),
  formation: Formation,
})
export type AppInfo = z.output<typeof AppInfo>

export const apps = {
  list: { summary: 'List apps', needs: 'view', reply: z.array(AppView) },
  create: {
    summary: 'Create an app',
    needs: 'create',
    body: z.strictObject({ name: z.string().optional().describe('a random one unless given') }),
    reply: AppView,
    status: 201,
  },
  info: { summary: 'Describe an app', needs: 'view', params: OfApp, reply: AppInfo },
  update: {
    summary: 'Rename an app, or choose the branch it deploys',
    needs: 'manage',
    params: OfApp,
    body: z.strictObject({
      name: z.string().optional(),
      deployBranch: z.string().nullable().optional().describe('null is main or master'),
    }),
    reply: z.strictObject({ app: AppView, operation: OperationView.nullable() }),
  },
  destroy: {
    summary: 'Destroy an app, its processes, releases and repository',
    needs: 'manage',
    params: OfApp,
    query: z.strictObject({
      confirm: z.string().describe('the name of the app, once more'),
      volumes: Switch.optional().describe('with its volumes; an app that has any is not destroyed without'),
    }),
    reply: OperationView,
    status: 202,
  },
} as const
