import { phpFiles, phpInstall, phpStage } from '../../buildpacks/php/php-stage.js'
import { stageStack } from '../stage.js'

/** The stage that PHP apps begin with, as an image. The official images have no nginx, and compile each extension. */
export const phpStack = stageStack({
  of: 'PHP and nginx of Debian',
  name: 'berth-php',
  text: phpStage,
  as: 'php',
  install: phpInstall,
  files: phpFiles,
})
