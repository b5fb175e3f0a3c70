import { phpStages } from '../../buildpacks/php/php-stage.js'
import { stageStack } from '../stage.js'

/** The stages that PHP apps begin with, as images. The official images have no nginx, and compile each extension. */
export const phpStacks = phpStages.map(({ line, release, text, install, files }) =>
  stageStack({ of: `PHP ${line} and nginx of Debian`, name: 'berth-php', text, release, as: 'php', install, files }),
)
