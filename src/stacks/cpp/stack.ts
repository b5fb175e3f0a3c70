import { toolsInstall, toolsStage } from '../../buildpacks/cpp/tools-stage.js'
import { stageStack } from '../stage.js'

/** The stage that compiles C and C++, as an image. */
export const cppStack = stageStack({
  of: 'the compilers of Debian',
  name: 'berth-cpp',
  text: toolsStage,
  as: 'build',
  install: toolsInstall,
  files: {},
})
