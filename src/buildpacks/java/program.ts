/** How a build's outcome is run where no Procfile says so. */
export interface Program {
  readonly command: string
  /** For the log: "Spring Boot". */
  readonly framework?: string
  /** What the build tool is to do besides. */
  readonly goals?: string
  /** Where the one archive lies that `java -jar` finds by `*`: others beside it do not stay. */
  readonly picks?: { readonly directory: string; readonly archive: 'jar' | 'war' }
  /** A war without a server of its own gets one. */
  readonly tomcat?: { readonly jakarta: boolean; readonly war: string }
}

/** Releases that serve wars: those with `javax.servlet`, and those with `jakarta.servlet`. */
const tomcats = { javax: '9.0.98', jakarta: '10.1.34' } as const

export const tomcatArtifact = ({ jakarta }: { readonly jakarta: boolean }): string =>
  `org.apache.tomcat:tomcat:${jakarta ? tomcats.jakarta : tomcats.javax}:tar.gz`

/** Tomcat takes JAVA_OPTS by itself. */
export const tomcatCommand = 'CATALINA_OPTS="-Dport.http=$PORT" exec sh tomcat/bin/catalina.sh run'

/** How a build tool builds an app. */
export interface JavaBuild {
  /** For the log: "Maven". */
  readonly tool: string
  /** The image, by the version of Java. */
  readonly image: (java: string) => string
  readonly cache: string
  readonly script: readonly string[]
  readonly program: Program | null
  /** What it compiles for, and where that is said. */
  readonly least: { readonly text: string; readonly place: string } | null
  readonly notes: readonly string[]
}
