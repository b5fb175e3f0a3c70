/** A port that is, or is to be, open. */
export interface OpenPort {
  /** @throws the system's error */
  open(): Promise<void>
  /** Takes in nobody any more. Resolves when those who are in have ended. */
  ended(): Promise<void>
  /** Breaks off what is under way. */
  cut(): void
}
