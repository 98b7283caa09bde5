/** `fe80::1%eth0`, `[::1]` */
const IPV6 = /^(\[[\da-f:.]+(%\w+)?\]|[\da-f:.]*:[\da-f:.]*:[\da-f:.]*(%\w+)?)$/i;
/** `hv1.example.com`, `10.0.0.1`; letters of any language, since resolvers take those too. */
const NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]*[\p{L}\p{N}_.])?$/u;

/** Can this be the name or address of a host, without user and port? */
export function isHost(text: string): boolean {
  return IPV6.test(text) || NAME.test(text);
}
