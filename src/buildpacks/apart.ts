/** Where an app that is built waits for the last stage, without the packages that come into the image by themselves. */
export const apartAt = '/tmp/built'

/**
 * Takes an app out of its folder, without its node_modules. They lie in a layer below: to remove them there would be to
 * mark each of their files, many thousands, as removed.
 */
export const apart = `mkdir ${apartAt} && find . -mindepth 1 -maxdepth 1 ! -name node_modules -exec mv -t ${apartAt} {} +`
