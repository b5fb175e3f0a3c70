import { nextRelease } from '../../src/changes/index.js'
import type { Acting, Built, Making } from '../../src/changes/kind.js'
import { firstRelease, type Release } from '../../src/store/releases.js'

export const built: Built = { image: 'sha256:1', processTypes: { web: 'node .', worker: 'node w', release: 'node m' } }
export const push = { kind: 'push', commit: '1234567890', branch: 'main' } as const

/** An app after its first push: v2. */
export const deployed: Release = nextRelease({ ...firstRelease('a'), config: { A: '1' } }, 2, push, built)

/** What a worker lends a change, of which a test says what it needs; `said` is what the change has told. */
export function making(given: Partial<Making>): { at: Making; said: string[] } {
  const said: string[] = []
  const unasked = (): never => {
    throw new Error('this is not needed')
  }
  return {
    said,
    at: {
      app: { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 2 },
      current: deployed,
      progress: { step: (text) => said.push(`> ${text}`), detail: (text) => said.push(text) },
      build: unasked,
      rebuild: unasked,
      release: unasked,
      hasImage: unasked,
      createVolume: unasked,
      links: { link: unasked, rotate: unasked, remaining: (links) => Promise.resolve(links) },
      ...given,
    },
  }
}

/** The same for a change that makes no release; `did` is all that the change asked of it and said, in order. */
export function acting(): { at: Acting; did: string[] } {
  const did: string[] = []
  const does = (what: string) => {
    did.push(what)
    return Promise.resolve()
  }
  return {
    did,
    at: {
      app: { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 },
      current: deployed,
      url: 'http://blog.localhost',
      store: { routes: { remove: (app: string) => does(`take the route from ${app}`) } } as unknown as Acting['store'],
      progress: { step: (text) => did.push(`> ${text}`), detail: (text) => did.push(text) },
      release: () => Promise.resolve(deployed),
      hasImage: () => Promise.resolve(true),
      startCanary: ({ version }, canary) => does(`canary v${String(version)} ${JSON.stringify(canary)}`),
      restart: (process) => does(`restart ${process ?? 'all'}`),
      refreshRoute: () => does('refresh route'),
      dismantle: () => does('dismantle'),
      removeVolume: (name) => does(`remove the volume ${name}`),
    },
  }
}
