import { nodeMajors } from '../../buildpacks/node/version.js'
import { aptUpdate } from '../debian.js'
import { buildPackages, cleaned, debianImage, usualRelease } from '../debian/releases.js'
import { readTag, tagIn, type ImageTag } from '../debian/tag.js'
import { lineOf, partsLabel, type Stack, type StackParts } from '../stack.js'
import { nodeParts, nodeRoot } from './root.js'

/** Debian's packages in the image: git for dependencies that are repositories, and what newer Node.js is linked with. */
const debian = 'ca-certificates git libatomic1'

/** The official Node.js images on Debian, made from Debian's packages and the npm packages of Node.js and its tools. */
export const nodeStack: Stack = {
  needs: 'the npm registry and the Debian mirror',
  versionOf(image) {
    const tag = tagIn('node', image)
    const asked = tag === null ? null : readTag(tag)
    return asked !== null && nodeMajors.includes(Number(versionIn(asked).split('.')[0])) ? tag : null
  },
  async parts(cache, tag) {
    const asked = readTag(tag)
    if (asked === null) throw new Error(`there is no image node:${tag}`)
    const { release = usualRelease, slim } = asked
    return {
      ...(await nodeParts(cache, versionIn(asked))),
      ...(release === usualRelease ? {} : { debian: release }),
      ...(slim ? {} : { with: 'compilers' }),
    }
  },
  async source(cache, parts) {
    const packages = Object.entries(parts).filter(([name]) => name !== 'debian' && name !== 'with')
    const root = await nodeRoot(cache, Object.fromEntries(packages))
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

/** The version that a tag asks for: of lines that are current, the newest. */
function versionIn({ version }: ImageTag): string {
  const even = nodeMajors.filter((major) => major % 2 === 0)
  if (version === 'lts') return String(Math.max(...even))
  return version === '' || version === 'current' ? String(Math.max(...nodeMajors)) : version
}

/** What is made is run before it is called made: a Node.js that lacks a library does not get into anybody's app. */
const dockerfileOf = (parts: StackParts, node: string): string =>
  [
    `FROM ${debianImage(parts.debian ?? usualRelease)}`,
    'RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
    `RUN ${aptUpdate} && apt-get install -qy --no-install-recommends ${debian}${parts.with === undefined ? '' : ` python3 ${buildPackages}`} && ${cleaned}`,
    'COPY usr /usr',
    'RUN for command in node npm npx corepack yarn git; do "$command" --version >/dev/null || exit 1; done; rm -rf /root/.npm /tmp/*',
    `ENV NODE_VERSION=${node} YARN_VERSION=${parts.yarn ?? ''}`,
    `LABEL ${partsLabel}="${lineOf(parts)}"`,
    'CMD ["node"]',
    '',
  ].join('\n')
