/** Releases of Debian that images stand on, by the names that official images give them. */
const numbers: Readonly<Record<string, string>> = { bullseye: '11', bookworm: '12', trixie: '13' }

/** By codename. */
export const debianReleases: readonly string[] = Object.keys(numbers)

/** The release that images stand on which Berth makes, unless told another. */
export const usualRelease = 'bookworm'

/** The release that Debian calls stable. */
const stable = 'trixie'

/** The codename of a release by what a tag calls it: `trixie`, `13`, `13.1`, `stable`; undefined for none that can be made. */
export function releaseNamed(name: string): string | undefined {
  if (name === 'stable' || name === 'latest') return stable
  return debianReleases.find((codename) => codename === name || numbers[codename] === name.split('.')[0])
}

/** The image of a release that others stand on. */
export const debianImage = (release: string): string => `debian:${release}-slim`

/** Leaves nothing of apt's and pip's in a layer. */
export const cleaned =
  'rm -rf /tmp/* /root/.cache /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/*'

/**
 * What the official images that are not slim have to compile with; without their ImageMagick, Mercurial and Subversion.
 */
export const buildPackages =
  'autoconf automake bzip2 curl default-libmysqlclient-dev dpkg-dev file g++ gcc git gnupg libbz2-dev libc6-dev libcurl4-openssl-dev libevent-dev libffi-dev libglib2.0-dev libgmp-dev libjpeg-dev libkrb5-dev liblzma-dev libncurses-dev libpng-dev libpq-dev libreadline-dev libsqlite3-dev libssl-dev libtool libwebp-dev libxml2-dev libxslt1-dev libyaml-dev make netbase openssh-client patch pkg-config procps unzip wget xz-utils zlib1g-dev'
