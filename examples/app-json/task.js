const [, , name] = process.argv
console.log(`${name} for ${process.env.OWNER}`)
