import { configShape, createShape, endpointShape, hostConfigShape } from '../containers/shape.js'
import { fieldsOfShape as of, type StructShape } from '../system/shape.js'

/** The fields of every JSON body that a request may have, in Docker's spelling: clients may use another case. */
export const bodies = {
  create: createShape,
  update: hostConfigShape,
  commit: configShape,
  execCreate: {
    ...of('a string', 'User WorkingDir DetachKeys'),
    ...of('a boolean', 'Privileged Tty AttachStdin AttachStderr AttachStdout Detach'),
    ...of('a list of strings', 'Env Cmd'),
    ConsoleSize: ['an integer'],
  },
  execStart: { ...of('a boolean', 'Detach Tty'), ConsoleSize: ['an integer'] },
  network: {
    ...of('a string', 'Name Driver Scope'),
    ...of('a boolean', 'CheckDuplicate EnableIPv4 EnableIPv6 Internal Attachable Ingress ConfigOnly'),
    ...of('a map of strings', 'Options Labels'),
    ConfigFrom: { Network: 'a string' },
    IPAM: {
      Driver: 'a string',
      Options: 'a map of strings',
      Config: [{ ...of('a string', 'Subnet IPRange Gateway'), AuxiliaryAddresses: 'a map of strings' }],
    },
  },
  connect: { Container: 'a string', EndpointConfig: endpointShape },
  disconnect: { Container: 'a string', Force: 'a boolean' },
  volume: { ...of('a string', 'Name Driver'), ...of('a map of strings', 'DriverOpts Labels') },
  login: of('a string', 'username password auth email serveraddress identitytoken registrytoken'),
} as const satisfies Readonly<Record<string, StructShape>>
