import { z } from 'zod'

export const RegistryView = z.strictObject({
  host: z.string().describe('as the names of its images begin: registry.example.com:5000'),
  user: z.string(),
})
export type RegistryView = z.output<typeof RegistryView>

export const registries = {
  list: {
    summary: 'List the registries that images are pulled from with a password, which nobody is shown',
    needs: 'admin',
    reply: z.array(RegistryView),
  },
  login: {
    summary: 'Set the password with which images are pulled from a registry',
    needs: 'admin',
    body: z.strictObject({
      host: z.string().min(1).max(300).describe('docker.io, registry.example.com:5000'),
      user: z.string().min(1).max(200),
      password: z.string().min(1).max(4096).describe('or an access token'),
    }),
    reply: RegistryView,
  },
  logout: {
    summary: 'Forget the password of a registry',
    needs: 'admin',
    params: z.strictObject({ host: z.string() }),
    reply: RegistryView,
  },
} as const
