const { PORT, TASK_KEY, BERTH_PROCESS } = process.env
const task = process.argv[2] ?? 'usual'

async function main() {
  console.log(`${BERTH_PROCESS} does the ${task} work`)
  // the app's own processes are found by their types
  const response = await fetch(`http://web:${PORT}/ran`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TASK_KEY}`, 'x-task': task },
  })
  console.log(`the app says: ${await response.text()}`)
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
