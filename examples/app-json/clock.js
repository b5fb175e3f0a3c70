const timer = setInterval(() => console.log('tick'), 60_000)
process.once('SIGTERM', () => clearInterval(timer))
