/**
 * The protocol of MySQL and MariaDB as far as a proxy must know it: a command is a packet with
 * sequence number 0; nothing is asked before the last answer has come, and the first packet of an
 * answer says how the command ended. The handshake counts as no command.
 *
 * @module
 */

import { type ClientPiece, joined, Messages, type ServerPiece, type Wire } from "./wire.ts";

/** Commands whose argument is a statement's text: COM_QUERY and COM_STMT_PREPARE. */
const TEXT_COMMANDS = [0x03, 0x16];
/** COM_QUIT is not answered. */
const QUIT = 0x01;
/** Bytes before a packet's payload. */
const HEADER = 4;

/** Reads one connection to MySQL or MariaDB. */
export class MysqlWire implements Wire {
  readonly #client = new Messages();
  readonly #server = new Messages();
  #asked = -1;
  #answered = -1;

  fromClient(bytes: Uint8Array): ClientPiece[] {
    const pieces: ClientPiece[] = [];
    for (const packet of this.#client.take(bytes, lengthOfPacket)) {
      const command = commandOf(packet);
      if (command !== null) this.#asked++;
      pieces.push({ bytes: joined([packet]), command });
    }
    return pieces;
  }

  fromServer(bytes: Uint8Array): ServerPiece[] {
    const pieces: ServerPiece[] = [];
    for (const packet of this.#server.take(bytes, lengthOfPacket)) {
      const answers = this.#answered < this.#asked;
      this.#answered = this.#asked;
      pieces.push({ bytes: joined([packet]), command: this.#asked, answers });
    }
    return pieces;
  }
}

function commandOf(packet: Uint8Array): string | null {
  const [code = QUIT, ...argument] = packet.subarray(HEADER);
  if (packet[3] !== 0 || code === QUIT) return null;
  if (!TEXT_COMMANDS.includes(code)) return `(command ${code})`;
  return new TextDecoder().decode(Uint8Array.from(argument));
}

function lengthOfPacket(rest: DataView): number {
  if (rest.byteLength < HEADER) return 0;
  return HEADER + (rest.getUint16(0, true) | rest.getUint8(2) << 16);
}
