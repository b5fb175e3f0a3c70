/** An example whose build is measured, and how its language builds it again where no container is. */
export interface Case {
  readonly example: string
  /** The file that says what the app answers: in its first `Hello`. */
  readonly file: string
  /** Installs what the app needs, as somebody does who has just fetched it. */
  readonly first: string
  /** What is typed after each change. */
  readonly again: string
  /** What a push says when a step that installs or fetches is run again. */
  readonly dependencies: RegExp
}

/** One for each language. */
export const cases: readonly Case[] = [
  {
    example: 'hello-django',
    file: 'hello/urls.py',
    first: 'pip install -q uv && uv venv -q && uv pip install -q -r requirements.txt',
    again: 'uv pip install -q -r requirements.txt && SECRET_KEY=x .venv/bin/python manage.py collectstatic --noinput',
    dependencies: /Prepared \d+ packages|Installed \d+ packages/,
  },
  {
    example: 'hello-nest',
    file: 'src/app.module.ts',
    first: 'npm ci --no-audit --no-fund',
    again: 'npm run build',
    dependencies: /added \d+ packages/,
  },
  {
    example: 'hello-go',
    file: 'cmd/web/main.go',
    first: 'go mod download',
    again: 'go build -o /out/ ./cmd/...',
    dependencies: /go: downloading/,
  },
  {
    example: 'hello-rust',
    file: 'src/main.rs',
    first: 'cargo fetch --locked',
    again: 'cargo build --release --locked',
    dependencies: /Compiling (?!hello-rust)|Download/,
  },
  {
    example: 'hello-java-maven',
    file: 'src/main/java/hello/Main.java',
    first: 'mvn -B -ntp -DskipTests package dependency:copy-dependencies',
    again: 'mvn -B -ntp -o -DskipTests package dependency:copy-dependencies',
    dependencies: /Download(?:ing|ed) from/,
  },
]
