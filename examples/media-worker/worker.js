// Films each page that is named, and says what is to be seen on it; with --follow again and again.
const { execFileSync } = require('node:child_process')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join, resolve } = require('node:path')

const run = (...words) => execFileSync(words[0], words.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

function film(page) {
  const dir = mkdtempSync(join(tmpdir(), 'film-'))
  try {
    const picture = join(dir, 'page.png')
    const video = join(dir, 'page.mp4')
    // the container is the sandbox, and /dev/shm is small in it
    run('chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${dir}`,
      '--window-size=400,300', `--screenshot=${picture}`, `file://${resolve(page)}`)
    run('ffmpeg', '-loglevel', 'error', '-loop', '1', '-i', picture, '-t', '2', '-r', '10', '-pix_fmt', 'yuv420p', video)
    const seconds = run('ffprobe', '-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', video)
    return { page, seconds: Number(seconds), ...JSON.parse(run('python3', 'look.py', picture, video)) }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const pages = process.argv.slice(2).filter((word) => word !== '--follow')
const work = () => { for (const page of pages) console.log(JSON.stringify(film(page))) }
work()
if (process.argv.includes('--follow')) setInterval(work, 60_000)
