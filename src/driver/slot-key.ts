/**
 * Identity of one slot of a static host: `zuul@bm7.example.net:22#0`. A machine is its name, user and port; the driver
 * makes the key from the configuration, the launcher from a node record.
 */
export function makeSlotKey(host: string, username: string, port: number, slot: number): string {
  return `${username}@${host}:${port}#${slot}`;
}
