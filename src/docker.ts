import Docker from 'dockerode'
import type { Config } from './config.js'

/** A client of the engine the platform deploys on: Berth's own, dockerd or Podman's Docker socket. */
export const connectEngine = (config: Config, headers: Readonly<Record<string, string>> = {}): Docker =>
  new Docker({ socketPath: config.engineSocket, headers })
