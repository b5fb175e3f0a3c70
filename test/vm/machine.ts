import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { deadline } from '../../src/lib/deadline.js'
import { freePort } from '../free.js'
import { must } from '../run.js'
import type { Image } from './image.js'

/** Emulated, a boot takes half a minute on an idle machine, and ten times that on one that tests keep busy. */
const bootMs = 180_000
const offMs = 60_000

/** A server in qemu with a disk of its own. Disposing ends it, however it is, and leaves nothing. */
export interface Machine extends AsyncDisposable {
  /** A port of the host's loopback by the guest's. */
  readonly ports: ReadonlyMap<number, number>
  /** How many times as slow as the host it may be. */
  readonly patience: number
  /** Starts it, with the disk as it was left. @throws Error with the end of its console */
  boot(): Promise<void>
  /** Runs a shell's command as root; what it says goes to our own outputs. @returns its exit code */
  run(command: string, input?: NodeJS.ReadableStream): Promise<number>
  /** The same, but answers with what it said, trimmed. @throws Error unless it ends with 0 */
  must(command: string, timeoutMs?: number): Promise<string>
  /** Lets a person in, at our terminal, until they leave. */
  shell(): Promise<void>
  /** Shuts it down as a person would. */
  off(): Promise<void>
  /** Takes its power away: what it has not flushed to its disk is gone. */
  cut(): Promise<void>
}

/** How a machine is made. */
export interface Hardware {
  readonly image: Image
  /** Ports of the guest to have on the host's loopback; 22 always is. */
  readonly ports?: readonly number[]
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
}

/** Makes a machine that is switched off. */
export async function openMachine({ image, ports: wanted = [], progress, signal }: Hardware): Promise<Machine> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = /^berth-vm-(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await rm(join(tmpdir(), name), { recursive: true }) // it was killed
  }
  const dir = await mkdtemp(join(tmpdir(), `berth-vm-${process.pid}-`))
  const disk = join(dir, 'disk.qcow2')
  // qcow2 keeps in memory where new data is until the guest flushes its disk: a kill loses writes as a power cut does
  await must('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image.disk, '-F', 'raw', disk])
  const ports = new Map<number, number>()
  for (const port of [22, ...wanted]) ports.set(port, await freePort())
  const accelerator = await fastest()
  const forwards = [...ports].map(([guest, host]) => `hostfwd=tcp:127.0.0.1:${host}-:${guest}`)
  const args = [
    ...['--pdeathsig', 'KILL', 'qemu-system-x86_64'], // it ends with us, whatever ends us
    ...['-accel', accelerator, '-cpu', 'max', '-smp', '2', '-m', '4096'],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-device', 'virtio-rng-pci'],
    ...['-kernel', image.kernel, '-initrd', image.initrd],
    // no_timer_check: emulated on a busy machine, the kernel's own look at its timer fails, and it panics
    ...['-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=-1 no_timer_check systemd.show_status=no'],
    ...['-drive', `file=${disk},if=virtio,discard=unmap`],
    ...['-nic', ['user', 'model=virtio', ...forwards].join(',')],
  ]
  const shell = [
    ...['-p', String(ports.get(22)), '-i', image.key, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'ServerAliveInterval=60'],
    'root@127.0.0.1',
  ]
  const patience = accelerator === 'kvm' ? 1 : 10
  let qemu: ChildProcess | undefined
  const gone = async (): Promise<void> => {
    if (qemu?.exitCode === null && qemu.signalCode === null) await once(qemu, 'exit')
    qemu = undefined
  }

  const machine: Machine = {
    ports,
    patience,
    boot: async () => {
      progress(`booting (${accelerator.startsWith('kvm') ? 'KVM' : 'emulated: there is no KVM here'})`)
      const child = spawn('setpriv', args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        signal,
        killSignal: 'SIGKILL',
      })
      child.on('error', () => undefined) // of the signal; that it is over is seen by its output's end
      qemu = child
      const last: string[] = []
      child.stderr.on('data', (chunk: Buffer) => last.push(String(chunk)))
      using late = deadline(bootMs * patience, signal)
      late.signal.addEventListener('abort', () => child.kill('SIGKILL'))
      const console = createInterface({ input: child.stdout })
      for await (const line of console) {
        if (line.includes('the machine is up')) {
          child.stdout.resume() // or it would stop when nobody reads what it says
          return
        }
        if (last.push(line) > 40) last.shift()
      }
      signal.throwIfAborted()
      throw new Error(`the machine did not boot; the end of its console:\n${last.join('\n')}`)
    },
    run: async (command, input) => {
      const child = spawn('ssh', [...shell, command], {
        stdio: [input ? 'pipe' : 'ignore', 'inherit', 'inherit'],
        signal,
      })
      child.stdin?.on('error', () => undefined) // it may end without reading
      if (child.stdin) input?.pipe(child.stdin)
      const [code] = (await once(child, 'close')) as [number | null]
      return code ?? 255
    },
    must: (command, timeoutMs = 600_000) => must('ssh', [...shell, command], { timeoutMs }),
    shell: async () => {
      await once(spawn('ssh', ['-t', ...shell], { stdio: 'inherit', signal }), 'close')
    },
    off: async () => {
      await must('ssh', [...shell, 'systemctl poweroff']).catch(() => undefined) // it may hang up before it answers
      using late = deadline(offMs * patience, signal)
      late.signal.addEventListener('abort', () => qemu?.kill('SIGKILL'))
      await gone()
    },
    cut: async () => {
      qemu?.kill('SIGKILL')
      await gone()
    },
    [Symbol.asyncDispose]: async () => {
      await machine.cut()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return machine
}

/** KVM where the processor has what it needs: /dev/kvm may be there without, and then guests hang. */
async function fastest(): Promise<string> {
  const virtualizes = / (vmx|svm) /.test(await readFile('/proc/cpuinfo', 'utf8'))
  try {
    if (virtualizes) {
      closeSync(openSync('/dev/kvm', 'r+'))
      return 'kvm'
    }
  } catch {
    // not for us
  }
  return 'tcg,thread=multi'
}
