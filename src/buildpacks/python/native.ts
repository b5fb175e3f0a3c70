import type { Project } from './project.js'

/** What a Python package needs of Debian: to be compiled, and to run. */
interface Native {
  readonly build: string
  readonly run: string
}

/** What compiles a package that has no wheel. */
export const compilers = 'gcc g++ libc6-dev make'

const rust: Native = { build: 'rustc-web cargo-web libssl-dev libffi-dev', run: 'libssl3' }
const cairo: Native = {
  build: 'libcairo2-dev libpango1.0-dev libffi-dev',
  run: 'libcairo2 libpango-1.0-0 libpangoft2-1.0-0 libgdk-pixbuf-2.0-0',
}
const gdal: Native = { build: 'libgdal-dev libgeos-dev libproj-dev', run: 'gdal-bin libgdal32 libgeos-c1v5' }
const hdf5: Native = { build: 'libhdf5-dev pkg-config', run: 'libhdf5-103-1' }
const blas: Native = { build: 'gfortran libopenblas-dev pkg-config', run: 'libopenblas0' }
const postgres: Native = { build: 'libpq-dev', run: 'libpq5' }

/** Packages that have no wheel, or one that lacks a library: what they need wherever they are installed. */
const always: Readonly<Record<string, Native>> = {
  psycopg2: postgres,
  'psycopg[c]': postgres,
  // without its [binary] it is Python that looks for the library
  psycopg: { build: '', run: 'libpq5' },
  mysqlclient: { build: 'default-libmysqlclient-dev pkg-config', run: 'libmariadb3' },
  pycairo: cairo,
  cairosvg: { build: '', run: cairo.run },
  weasyprint: { build: '', run: cairo.run },
  pygobject: {
    build: 'libgirepository1.0-dev libcairo2-dev pkg-config',
    run: 'libgirepository-1.0-1 libcairo2 gir1.2-glib-2.0',
  },
  'python-ldap': { build: 'libldap2-dev libsasl2-dev', run: 'libldap-2.5-0 libsasl2-2' },
  xmlsec: { build: 'libxmlsec1-dev pkg-config', run: 'libxmlsec1-openssl' },
  gssapi: { build: 'libkrb5-dev', run: 'libgssapi-krb5-2' },
  kerberos: { build: 'libkrb5-dev', run: 'libgssapi-krb5-2' },
  pyodbc: { build: 'unixodbc-dev', run: 'unixodbc' },
  pylibmc: { build: 'libmemcached-dev zlib1g-dev', run: 'libmemcached11' },
  gdal,
  pyaudio: { build: 'portaudio19-dev', run: 'libportaudio2' },
  sounddevice: { build: '', run: 'libportaudio2' },
  soundfile: { build: '', run: 'libsndfile1' },
  'opencv-python': { build: '', run: 'libgl1 libglib2.0-0' },
  'opencv-contrib-python': { build: '', run: 'libgl1 libglib2.0-0' },
  pdf2image: { build: '', run: 'poppler-utils' },
  pytesseract: { build: '', run: 'tesseract-ocr' },
  'python-magic': { build: '', run: 'libmagic1' },
  pydub: { build: '', run: 'ffmpeg' },
  moviepy: { build: '', run: 'ffmpeg' },
  uwsgi: { build: compilers, run: '' },
  pygraphviz: { build: 'libgraphviz-dev pkg-config', run: 'graphviz' },
  wand: { build: '', run: 'libmagickwand-6.q16-6' },
}

/** Packages that have a wheel nearly always: what they need where a lock file has none. */
const compiled: Readonly<Record<string, Native>> = {
  'psycopg-c': postgres,
  lxml: { build: 'libxml2-dev libxslt1-dev', run: 'libxml2 libxslt1.1' },
  pillow: {
    build:
      'libjpeg62-turbo-dev zlib1g-dev libtiff-dev libfreetype-dev liblcms2-dev libwebp-dev libopenjp2-7-dev pkg-config',
    run: 'libjpeg62-turbo libtiff6 libfreetype6 liblcms2-2 libwebp7 libopenjp2-7',
  },
  cryptography: rust,
  bcrypt: rust,
  'pydantic-core': rust,
  orjson: rust,
  cffi: { build: 'libffi-dev', run: 'libffi8' },
  pynacl: { build: 'libffi-dev libsodium-dev', run: 'libsodium23' },
  pymssql: { build: 'freetds-dev', run: 'libsybdb5' },
  'confluent-kafka': { build: 'librdkafka-dev', run: 'librdkafka1' },
  pyzmq: { build: 'libzmq3-dev', run: 'libzmq5' },
  'python-snappy': { build: 'libsnappy-dev', run: 'libsnappy1v5' },
  plyvel: { build: 'libleveldb-dev', run: 'libleveldb1d' },
  fiona: gdal,
  rasterio: gdal,
  h5py: hdf5,
  tables: hdf5,
  netcdf4: hdf5,
  pycurl: { build: 'libcurl4-openssl-dev libssl-dev', run: 'libcurl4' },
  pyyaml: { build: 'libyaml-dev', run: 'libyaml-0-2' },
  numpy: blas,
  scipy: blas,
}

/** Debian's packages for an app: those that its build needs, and those that it needs when it runs. */
export interface DebianPackages {
  readonly build: readonly string[]
  readonly run: readonly string[]
  /** Whether `build` has compilers. */
  readonly compiles: boolean
}

/**
 * What an app's packages need of Debian.
 * @param sources names of what is compiled; null where that is not known
 */
export function debianPackages(
  { names, needsGit }: Pick<Project, 'names' | 'needsGit'>,
  sources: readonly string[] | null,
): DebianPackages {
  const needed = [
    ...Object.entries(always).filter(([name]) => names.has(name)),
    ...Object.entries(compiled).filter(([name]) => sources?.includes(name) === true),
  ].map(([, native]) => native)
  const compiles = sources === null || sources.length > 0 || needed.some(({ build }) => build !== '')
  const list = (all: readonly string[]): string[] => [
    ...new Set(all.flatMap((text) => text.split(' ')).filter((name) => name !== '')),
  ]
  return {
    build: list([compiles ? compilers : '', needsGit ? 'git' : '', ...needed.map(({ build }) => build)]),
    run: list(needed.map(({ run }) => run)),
    compiles,
  }
}
