const text: string = 'built by Bun'
document.title = text
