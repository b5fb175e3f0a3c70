/** How many times as long as usual a test waits before it calls something hung: for a machine that is emulated. */
export const patience = Number(process.env.BERTH_TEST_PATIENCE ?? 1)
