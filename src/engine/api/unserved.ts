import { EngineError } from '../errors.js'

/** Endpoints of Docker's API that this engine does not serve, and why: what a client is told. */
export interface Unserved {
  readonly why: string
  /** What dockerd answers on a node like this one, which clients take for no fault of theirs; absent: 501 and why. */
  readonly answer?: (name: string) => EngineError
  /** `METHOD /path`, as in Docker's API description. */
  readonly endpoints: readonly string[]
}

const swarm = 'swarm mode is not supported: this engine runs containers on one host'
const plugins = 'plugins are not supported: volumes and networks are the engine’s own'

/** Clients pass over kinds of objects that are "not supported" when they look for a name among all kinds. */
export const unserved: readonly Unserved[] = [
  {
    why: swarm,
    endpoints: ['POST /swarm/init', 'POST /swarm/join'],
  },
  {
    why: swarm,
    answer: () => new EngineError('away', 'This node is not part of a swarm'),
    endpoints: ['POST /swarm/leave'],
  },
  {
    why: swarm,
    answer: () =>
      new EngineError(
        'away',
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      ),
    endpoints: [
      'GET /swarm',
      'POST /swarm/update',
      'GET /swarm/unlockkey',
      'POST /swarm/unlock',
      'GET /nodes',
      'GET /nodes/{id}',
      'DELETE /nodes/{id}',
      'POST /nodes/{id}/update',
      'GET /services',
      'POST /services/create',
      'GET /services/{id}',
      'DELETE /services/{id}',
      'POST /services/{id}/update',
      'GET /services/{id}/logs',
      'GET /tasks',
      'GET /tasks/{id}',
      'GET /tasks/{id}/logs',
      'GET /secrets',
      'POST /secrets/create',
      'GET /secrets/{id}',
      'DELETE /secrets/{id}',
      'POST /secrets/{id}/update',
      'GET /configs',
      'POST /configs/create',
      'GET /configs/{id}',
      'DELETE /configs/{id}',
      'POST /configs/{id}/update',
      'PUT /volumes/{name}',
    ],
  },
  {
    why: plugins,
    endpoints: ['GET /plugins/privileges', 'POST /plugins/pull', 'POST /plugins/create'],
  },
  {
    why: plugins,
    answer: (name) => new EngineError('missing', `plugin "${name}" not found`),
    endpoints: [
      'GET /plugins/{name}/json',
      'DELETE /plugins/{name}',
      'POST /plugins/{name}/enable',
      'POST /plugins/{name}/disable',
      'POST /plugins/{name}/upgrade',
      'POST /plugins/{name}/push',
      'POST /plugins/{name}/set',
    ],
  },
  {
    why: 'BuildKit sessions are not supported: the classic builder (DOCKER_BUILDKIT=0) is, with mounts and secrets',
    endpoints: ['POST /session'],
  },
]
