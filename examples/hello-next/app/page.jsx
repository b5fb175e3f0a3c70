export const dynamic = 'force-dynamic'

export default function Page() {
  return <h1>{process.env.GREETING ?? 'Hello'} from Next.js</h1>
}
