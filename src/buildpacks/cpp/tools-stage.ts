const packages =
  'autoconf automake ca-certificates ccache cmake g++ gcc git libc6-dev libtool make ninja-build pkg-config tzdata'

/** Installs the compilers, and what builds with them. ccache stands in for each: its package finds only some of them. */
export const toolsInstall = `apt-get update -q && apt-get install -qy --no-install-recommends ${packages} && for one in cc c++ gcc g++; do ln -sf ../../bin/ccache /usr/lib/ccache/$one; done && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*`

/** The stage that compiles, as far as all apps have it in common. */
export const toolsStage = `FROM debian:bookworm-slim AS build
RUN ${toolsInstall}`
