/** How an app is started where no Procfile says so, and what was seen of it. */
export interface WebProcess {
  readonly command: string
  /** For the log: "Flask". */
  readonly framework?: string
  /** What is to be installed for it where the app does not. */
  readonly server?: 'gunicorn' | 'uvicorn'
  /** Where it listens, whatever PORT says. */
  readonly port?: number
}

/** A word of a command, quoted where a shell would read more into it. */
export const quoted = (text: string): string => (/^[\w.:/-]+$/.test(text) ? text : `'${text}'`)
