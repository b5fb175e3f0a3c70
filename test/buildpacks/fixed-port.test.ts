import { expect } from 'chai'
import { pkg, planOf, type Files } from './trees.js'

const exposed = (files: Files): string | null => /^EXPOSE (.*)$/m.exec(planOf(files).dockerfile)?.[1] ?? null
const go = (line: string, more: Files = {}): Files => ({
  'go.mod': 'module a.b/x\n\ngo 1.22\n',
  'main.go': `package main\n\nfunc main() {\n\t${line}\n}\n`,
  ...more,
})
const node = (text: string, more: Files = {}): Files => ({
  'package.json': pkg({ scripts: { start: 'node server.js' } }),
  'server.js': text,
  ...more,
})
const python = (text: string): Files => ({ 'requirements.txt': '', 'main.py': text })
const rust = (text: string): Files => ({
  'Cargo.toml': '[package]\nname = "x"\nversion = "1.0.0"\n',
  'src/main.rs': text,
})
const java = (text: string): Files => ({
  'pom.xml':
    '<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version></project>',
  'src/main/java/a/App.java': `package a;\npublic class App {\n  public static void main(String[] args) {\n${text}\n  }\n}\n`,
})

describe('a port that an app names itself', () => {
  for (const [what, files, port] of [
    ['Go', go('http.ListenAndServe(":3000", nil)'), '3000'],
    ['Go, Echo', go('e.Logger.Fatal(e.Start(":1323"))'), '1323'],
    ['Rust', rust('fn main() { TcpListener::bind("0.0.0.0:3000"); }'), '3000'],
    ['Rust, warp', rust('fn main() { serve(r).run(([0, 0, 0, 0], 3030)); }'), '3030'],
    ['Rust, actix', rust('fn main() { s.bind(("0.0.0.0", 8080)); }'), '8080'],
    ['Python, Tornado', python('app.listen(8888)\n'), '8888'],
    ['Python, its own server', python('HTTPServer(("", 8000), Handler).serve_forever()\n'), '8000'],
    ['Python, by a constant', python('PORT = 8000\nTCPServer(("", PORT), H)\n'), '8000'],
    ['Node.js', node('app.listen(3000)'), '3000'],
    ['Node.js, by a constant', node('const port = 3000\napp.listen(port)'), '3000'],
    ['Node.js, by an option', node('fastify.listen({ port: 3000, host })'), '3000'],
    ['Java', java('Javalin.create().start(7070);'), '7070'],
    ['Java, by a constant', java('int port = 8080;'), '8080'],
  ] as const)
    it(`is PORT, which is said: ${what}`, () => {
      const plan = planOf(files)
      expect(exposed(files)).to.equal(port)
      expect(String(plan.port)).to.equal(port)
      expect(plan.dockerfile).to.match(/\nEXPOSE \d+\nCMD \[/)
      expect(plan.notes.at(-1)).to.match(/^[\w./]+ names port (\d+) and looks up no PORT: PORT is \1$/)
    })

  for (const [what, files] of [
    ['the app looks PORT up', go('http.ListenAndServe(":"+os.Getenv("PORT"), nil) // ":3000"')],
    ['it does elsewhere', node('app.listen(3000)', { 'lib/config.js': 'export const at = process.env.PORT' })],
    ['its command is told PORT', { ...node('app.listen(3000)'), Procfile: 'web: node server.js --port $PORT' }],
    ['it names two', node('app.listen(3000); admin.listen(3001)')],
    ['the port is that of a database', node('connect({ port: 5432 })')],
    ['it is no port at all', node('app.listen(99999)')],
    ['a tool has it', node('', { 'vite.config.js': 'export default { server: { port: 5173 } }' })],
    ['a test has it', go('listen()', { 'main_test.go': 'package main\nvar a = ":3000"\n' })],
    ['the app listens to itself alone', go('http.ListenAndServe("localhost:8080", nil)')],
    ['the file is larger than any', node(`app.listen(3000)${' '.repeat(300_000)}`)],
    ['its framework is told', { 'requirements.txt': 'flask', 'app.py': 'app = Flask(__name__)\nport = 8000\n' }],
    ['it is a Dockerfile', { Dockerfile: 'FROM scratch\nCMD ["x"]\n', 'main.go': '":3000"' }],
  ] as const)
    it(`is not looked for where ${what}`, () => expect(exposed(files)).to.equal(null))
})
