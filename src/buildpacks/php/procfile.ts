/** Heroku's names for what serves a PHP app, where Composer puts them and without. */
const herokus = /(?:[\w./-]*\/)?heroku-(?:php|hhvm)-(?:nginx|apache2)\b/g
/** Options whose files are Apache's. */
const apacheInclude = /(heroku-(?:php|hhvm)-apache2\b[^;&|]*?)\s-C\s*\S+/g

/** A Procfile's lines, with ours in the place of Heroku's. */
export interface Translated {
  readonly types: Readonly<Record<string, string>>
  readonly notes: readonly string[]
}

/** Puts `serve-php` where a line names what Heroku's buildpack brings: its options are the same. */
export function translated(types: Readonly<Record<string, string>>): Translated {
  const notes: string[] = []
  const all = Object.entries(types).map(([type, line]) => {
    const plain = line.replace(apacheInclude, '$1')
    if (plain !== line) notes.push(`${type}: the file of -C is for Apache, and nginx serves: it is left out`)
    return [type, plain.replace(herokus, 'serve-php')] as const
  })
  return { types: Object.fromEntries(all), notes }
}

/** Whether a line has the app served by nginx and php-fpm. */
export const servesPhp = (line: string | undefined): boolean => line !== undefined && /\bserve-php\b/.test(line)
