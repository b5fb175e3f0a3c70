import { nginxFiles, nginxInstall, nginxStage } from '../../buildpacks/static/nginx-stage.js'
import { stageStack } from '../stage.js'

/**
 * The stage that serves sites, as an image. The official nginx images are not what the stage asks for: they are without
 * brotli and its commands, and the versions that Debian looks after are abandoned there.
 */
export const nginxStack = stageStack({
  of: 'nginx of Debian',
  name: 'berth-nginx',
  text: nginxStage,
  install: nginxInstall,
  files: nginxFiles,
})
