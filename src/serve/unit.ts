import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { orMissing } from '../lib/missing.js'
import type { Config } from '../config.js'
import { home } from './paths.js'

const systemctl = (...args: string[]) => promisify(execFile)('systemctl', args)

/** True when systemd is this machine's init, sd_booted(3). */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system')

const unitName = (config: Config): string => `${config.name}.service`

/** A word of a unit file: quoted, specifiers and variables taken literally; systemd.syntax(7), systemd.service(5). */
const word = (text: string): string =>
  `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** The same where the whole line is one value; variables are not expanded there. */
const path = (text: string): string => text.replaceAll('%', '%%')

/**
 * The systemd unit that brings the instance back after a reboot. It names where the instance lives and no other setting:
 * these are in `<root>/berth.env`. Stopping it stops the platform's processes and leaves apps running, so it kills only the
 * supervisor; Delegate keeps systemd's hands off the cgroups below it. Each container has a monitor here: by default
 * systemd allows some thousands of tasks, and then no more containers start. A start that fails, as with a port that is
 * taken, is tried again for as long as it takes.
 */
export const unitText = (config: Config): string => `[Unit]
Description=Berth (${config.name})
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
UMask=0022
WorkingDirectory=${path(home)}
ExecStart=${word(join(home, 'bin/berth'))} serve
Environment=${word(`BERTH_ROOT=${config.root}`).replaceAll('$$', '$')}
KillMode=process
Delegate=yes
Restart=always
RestartSec=1
TasksMax=infinity
TimeoutStopSec=45

[Install]
WantedBy=multi-user.target
`

const unitFile = (config: Config): string => join('/etc/systemd/system', unitName(config))

/** Writes and enables the unit, so that what systemd starts next is this build with the settings of the instance. */
export async function installUnit(config: Config): Promise<void> {
  const text = unitText(config)
  const before = await readFile(unitFile(config), 'utf8').catch(orMissing(''))
  if (before !== text) {
    await writeFile(unitFile(config), text)
    await systemctl('daemon-reload')
  }
  await systemctl('enable', '--quiet', unitName(config))
}

/** Starts the unit; at once where systemd was about to. */
export async function startUnit(config: Config): Promise<void> {
  await systemctl('start', unitName(config))
}

/** Stops the unit if systemd knows it. */
export async function stopUnit(config: Config): Promise<void> {
  if (hasSystemd() && existsSync(unitFile(config))) await systemctl('stop', unitName(config))
}
