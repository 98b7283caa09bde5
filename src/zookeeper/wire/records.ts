import type { Acl, Stat } from '../types.ts';
import type { JuteReader } from './jute-reader.ts';
import type { JuteWriter } from './jute-writer.ts';

/** `Stat` of zookeeper.jute. */
export function readStat(reader: JuteReader): Stat {
  const czxid = reader.long();
  const mzxid = reader.long();
  const ctimeMs = reader.longAsNumber();
  const mtimeMs = reader.longAsNumber();
  const version = reader.int();
  const cversion = reader.int();
  const aversion = reader.int();
  const ephemeralOwner = reader.long();
  const dataLength = reader.int();
  const numChildren = reader.int();
  const pzxid = reader.long();
  return {
    czxid,
    mzxid,
    pzxid,
    ctimeMs,
    mtimeMs,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
  };
}

export function readAcl(reader: JuteReader): Acl[] {
  return reader.vector(() => ({ permissions: reader.int(), scheme: reader.string(), id: reader.string() }));
}

export function writeAcl(writer: JuteWriter, acl: readonly Acl[]): void {
  writer.vector(acl, ({ permissions, scheme, id }) => {
    writer.int(permissions);
    writer.string(scheme);
    writer.string(id);
  });
}

/** Path names that came back in a list. */
export function readNames(reader: JuteReader): string[] {
  return reader.vector(() => reader.string());
}
