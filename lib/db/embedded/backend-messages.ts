/** The few answers that the bridge gives itself; all others come from the engine. */

/** Answer to a start-up message: logged in, the settings that clients look at, and ready. */
export function welcome(serverVersion: string): Buffer {
  const settings: Record<string, string> = {
    server_version: serverVersion,
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    DateStyle: 'ISO, MDY',
    TimeZone: 'UTC',
    integer_datetimes: 'on',
    standard_conforming_strings: 'on',
  };
  return Buffer.concat([
    message('R', int32(0)),
    ...Object.entries(settings).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`))),
    // Process id and secret of a cancel request. There is one process and nothing to cancel it with.
    message('K', int32(process.pid), int32(0)),
    message('Z', Buffer.from('I')),
  ]);
}

/** An error after which the connection is closed. */
export function fatalError(sqlState: string, text: string): Buffer {
  return message('E', Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`));
}

/** Simple query, as a client sends it. */
export function query(text: string): Buffer {
  return message('Q', Buffer.from(`${text}\0`));
}

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
