import { asTables } from '../../lib/toml.js'
import { readToml } from '../toml.js'
import type { Tree } from '../tree.js'

/** What a crate needs of Debian: to be compiled, and to run. */
type Native = readonly [build: string, run?: string]

const postgres: Native = ['libpq-dev', 'libpq5']
const openssl: Native = ['libssl-dev pkg-config', 'libssl3']
const clang: Native = ['clang libclang-dev']

/** Crates that bind what is not Rust. Those that bring its source along need a compiler alone, which is there. */
const natives: Readonly<Record<string, Native>> = {
  'openssl-sys': openssl,
  'pq-sys': postgres,
  'mysqlclient-sys': ['default-libmysqlclient-dev pkg-config', 'libmariadb3'],
  'libsqlite3-sys': ['libsqlite3-dev pkg-config', 'libsqlite3-0'],
  'curl-sys': ['libcurl4-openssl-dev libssl-dev pkg-config', 'libcurl4'],
  'libgit2-sys': ['cmake libssl-dev pkg-config', 'libssl3'],
  'libssh2-sys': ['libssl-dev pkg-config', 'libssl3'],
  'libsodium-sys': ['libsodium-dev pkg-config', 'libsodium23'],
  'libsodium-sys-stable': ['libsodium-dev pkg-config', 'libsodium23'],
  'libz-sys': ['zlib1g-dev pkg-config', 'zlib1g'],
  'libz-ng-sys': ['cmake'],
  'lzma-sys': ['liblzma-dev pkg-config', 'liblzma5'],
  'bzip2-sys': ['libbz2-dev pkg-config', 'libbz2-1.0'],
  'rdkafka-sys': ['cmake make libssl-dev libsasl2-dev zlib1g-dev pkg-config', 'libssl3 libsasl2-2 zlib1g'],
  'zmq-sys': ['libzmq3-dev pkg-config', 'libzmq5'],
  'aws-lc-sys': ['cmake'],
  'aws-lc-fips-sys': ['cmake golang-go clang libclang-dev'],
  'boringssl-sys': ['cmake golang-go'],
  'librocksdb-sys': ['clang g++ libclang-dev', 'libstdc++6'],
  'link-cplusplus': ['g++', 'libstdc++6'],
  'tikv-jemalloc-sys': ['make'],
  'jemalloc-sys': ['make'],
  'libmimalloc-sys': ['cmake'],
  bindgen: clang,
  'clang-sys': clang,
  cmake: ['cmake'],
  'prost-build': ['protobuf-compiler libprotobuf-dev'],
  'protobuf-src': ['autoconf automake libtool make'],
  'freetype-sys': ['libfreetype-dev pkg-config', 'libfreetype6'],
  'yeslogic-fontconfig-sys': ['libfontconfig-dev pkg-config', 'libfontconfig1'],
  'servo-fontconfig-sys': ['libfontconfig-dev pkg-config', 'libfontconfig1'],
  'openblas-src': ['gfortran libopenblas-dev pkg-config', 'libopenblas0'],
  'netlib-src': ['gfortran liblapack-dev libblas-dev', 'liblapack3 libblas3'],
  'ffmpeg-sys-next': [
    'clang libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev pkg-config',
    'libavcodec59 libavdevice59 libavfilter8 libavformat59 libavutil57 libswscale6 libswresample4',
  ],
  magick_rust: ['clang libclang-dev libmagickwand-dev pkg-config', 'libmagickwand-6.q16-6'],
  'leptonica-sys': ['clang libclang-dev libleptonica-dev pkg-config', 'liblept5'],
  'tesseract-sys': ['clang libclang-dev libtesseract-dev pkg-config', 'libtesseract5 tesseract-ocr'],
  ldap3: ['libssl-dev pkg-config', 'libssl3'],
  'libgssapi-sys': ['libkrb5-dev clang libclang-dev', 'libgssapi-krb5-2'],
  'alsa-sys': ['libasound2-dev pkg-config', 'libasound2'],
  'libdbus-sys': ['libdbus-1-dev pkg-config', 'libdbus-1-3'],
  'libudev-sys': ['libudev-dev pkg-config', 'libudev1'],
  'glib-sys': ['libglib2.0-dev pkg-config', 'libglib2.0-0'],
  'cairo-sys-rs': ['libcairo2-dev pkg-config', 'libcairo2'],
  'pango-sys': ['libpango1.0-dev pkg-config', 'libpango-1.0-0'],
  'odbc-sys': ['unixodbc-dev', 'libodbc2'],
  'pyo3-ffi': ['python3-dev', 'libpython3.11'],
}

/** The names in Cargo.lock of what is compiled; null where there is no Cargo.lock. @throws SourceError where it is none */
export function lockedCrates(tree: Tree): ReadonlySet<string> | null {
  if (!tree.hasFile('Cargo.lock')) return null
  const names = asTables(readToml(tree, 'Cargo.lock').package).map(({ name }) => name)
  return new Set(names.filter((name) => typeof name === 'string'))
}

/** Debian's packages for an app: those that its build needs, and those that it needs when it runs. */
export function debianPackages(
  crates: ReadonlySet<string>,
  cargoConfig: string,
): { readonly build: readonly string[]; readonly run: readonly string[] } {
  const needed = Object.entries(natives).flatMap(([name, native]) => (crates.has(name) ? [native] : []))
  const list = (texts: readonly string[]): string[] => [...new Set(texts.flatMap((text) => text.split(' ')))].sort()
  // linkers that a .cargo/config.toml asks for
  const linkers = [
    ['clang', /["']clang/],
    ['lld', /fuse-ld=lld|["']ld\.lld|["']rust-lld/],
    ['mold', /\bmold\b/],
  ] as const
  return {
    build: list([
      ...needed.map(([build]) => build),
      ...linkers.flatMap(([name, pattern]) => (pattern.test(cargoConfig) ? [name] : [])),
    ]),
    run: list(needed.flatMap(([, run]) => (run === undefined ? [] : [run]))),
  }
}
