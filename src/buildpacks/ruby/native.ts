/** Debian's packages for gems that are linked with libraries: to compile them, and to run them. */
const libraries: Readonly<Record<string, { readonly build: readonly string[]; readonly run: readonly string[] }>> = {
  pg: { build: ['libpq-dev'], run: ['libpq5'] },
  mysql2: { build: ['default-libmysqlclient-dev'], run: ['libmariadb3'] },
  trilogy: { build: ['libssl-dev'], run: [] },
  sqlite3: { build: ['libsqlite3-dev'], run: ['libsqlite3-0'] },
  nokogiri: { build: ['libxml2-dev', 'libxslt1-dev'], run: ['libxml2', 'libxslt1.1'] },
  rmagick: { build: ['libmagickwand-dev'], run: ['libmagickwand-6.q16-6'] },
  'ruby-vips': { build: [], run: ['libvips42'] },
  image_processing: { build: [], run: ['libvips42'] },
  mini_magick: { build: [], run: ['imagemagick'] },
  charlock_holmes: { build: ['libicu-dev'], run: ['libicu72'] },
  ffi: { build: ['libffi-dev'], run: ['libffi8'] },
  curb: { build: ['libcurl4-openssl-dev'], run: ['libcurl4'] },
  rugged: { build: ['cmake', 'libssl-dev'], run: [] },
  psych: { build: ['libyaml-dev'], run: ['libyaml-0-2'] },
}

/** What gems of these names need of Debian. */
export function nativePackages(gems: ReadonlySet<string>): { readonly build: string[]; readonly run: string[] } {
  const found = Object.keys(libraries)
    .filter((name) => gems.has(name))
    .flatMap((name) => libraries[name] ?? [])
  const sorted = (all: readonly string[]): string[] => [...new Set(all)].sort()
  return { build: sorted(found.flatMap(({ build }) => build)), run: sorted(found.flatMap(({ run }) => run)) }
}
