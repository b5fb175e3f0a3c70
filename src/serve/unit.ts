import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Config } from '../config.js'
import { home } from './paths.js'

const systemctl = (...args: string[]) => promisify(execFile)('systemctl', args)

/** True when systemd is this machine's init, sd_booted(3). */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system')

export const unitName = (config: Config): string => `${config.name}.service`

/**
 * The systemd unit that brings the instance back after a reboot. Stopping it stops the platform's processes and leaves
 * apps running, so it kills only the supervisor; Delegate keeps systemd's hands off the cgroups below it. Each container
 * has a monitor here: by default systemd allows some thousands of tasks, and then no more containers start.
 */
export const unitText = (config: Config): string => `[Unit]
Description=Berth (${config.name})
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
WorkingDirectory=${home}
ExecStart=${process.execPath} ${join(home, 'dist/cli/main.js')} serve
${Object.entries(config.env)
  .map(([name, value]) => `Environment="${name}=${value}"`)
  .join('\n')}
KillMode=process
Delegate=yes
Restart=always
RestartSec=1
TasksMax=infinity
TimeoutStopSec=45

[Install]
WantedBy=multi-user.target
`

/** Writes, enables and (re)starts the unit. */
export async function startUnit(config: Config): Promise<void> {
  await writeFile(join('/etc/systemd/system', unitName(config)), unitText(config))
  await systemctl('daemon-reload')
  await systemctl('enable', unitName(config))
  await systemctl('restart', unitName(config))
}

/** Stops the unit if systemd knows it. */
export async function stopUnit(config: Config): Promise<void> {
  if (hasSystemd() && existsSync(join('/etc/systemd/system', unitName(config))))
    await systemctl('stop', unitName(config))
}
