import { BerthError } from '../../errors.js'
import type { Stack } from '../stack.js'

const imageName = /^dotnet\/(?:sdk|aspnet|runtime):(\d{1,2}\.\d)$/

/**
 * The images of .NET: neither Debian nor a package registry has what they are made of. They are used where they are: pulled
 * by this name from a mirror, or loaded.
 */
export const dotnetStack: Stack = {
  needs: 'a registry that has the .NET images',
  versionOf: (image) => imageName.exec(image)?.[1] ?? null,
  parts: (_cache, version) =>
    Promise.reject(
      new BerthError(
        'unavailable',
        `.NET ${version} is not to be had: Debian has no .NET, and no registry that is reached has dotnet/sdk:${version}`,
        `load the official images into Berth's engine and tag them dotnet/sdk:${version}, dotnet/aspnet:${version} and dotnet/runtime:${version}, or give Berth a registry mirror that has them: BERTH_REGISTRY_MIRRORS`,
      ),
    ),
  source: () => Promise.reject(new Error('there is nothing to make images of .NET of')),
  describe: () => '.NET',
}
