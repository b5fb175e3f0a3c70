import { nodeMajors } from '../../buildpacks/node/version.js'
import { aptUpdate } from '../debian.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'
import { nodeParts, nodeRoot } from './root.js'

const imageName = /^(?:docker\.io\/)?(?:library\/)?node:(\d{1,3}(?:\.\d{1,4}){0,2})-(?:bookworm-)?slim$/

/** Debian's packages in the image: git for dependencies that are repositories, and what newer Node.js is linked with. */
const debian = 'ca-certificates git libatomic1'

/** The official Node.js images on Debian, made from Debian's packages and the npm packages of Node.js and its tools. */
export const nodeStack: Stack = {
  needs: 'the npm registry and the Debian mirror',
  versionOf(image) {
    const version = imageName.exec(image)?.[1]
    return version !== undefined && nodeMajors.includes(Number(version.split('.')[0])) ? version : null
  },
  parts: (cache, version) => nodeParts(cache, version),
  async source(cache, parts) {
    const root = await nodeRoot(cache, parts)
    return {
      directory: root.directory,
      dockerfile: dockerfileOf(parts, root.node),
      [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
    }
  },
  describe(parts) {
    const [node = ''] = Object.values(parts)
    return `Node.js ${node}, npm ${parts.npm ?? ''}`
  },
}

/** What is made is run before it is called made: a Node.js that lacks a library does not get into anybody's app. */
const dockerfileOf = (parts: StackParts, node: string): string =>
  [
    'FROM debian:bookworm-slim',
    'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ${debian} && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*`,
    'COPY usr /usr',
    'RUN for command in node npm npx corepack yarn git; do "$command" --version >/dev/null || exit 1; done; rm -rf /root/.npm /tmp/*',
    `ENV NODE_VERSION=${node} YARN_VERSION=${parts.yarn ?? ''}`,
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["node"]',
    '',
  ].join('\n')
