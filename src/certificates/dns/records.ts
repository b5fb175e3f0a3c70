/** Makes TXT records where the DNS of domains is kept. */
export interface TxtRecords {
  /** Whether there is somebody who can. */
  isThere(): Promise<boolean>
  /** Has a name say a text, beside what it says already, and waits until all of its name servers say so. Safe to repeat. */
  add(name: string, text: string, signal: AbortSignal): Promise<void>
  /** Takes that text away, and no other. Safe to repeat. */
  remove(name: string, text: string, signal: AbortSignal): Promise<void>
}
