/* tslint:disable */
/* eslint-disable */

/**
 * Owns the bytes. Starts empty; reserve first.
 */
export class FrameBuffer {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * How many bytes there are.
     */
    capacity(): number;
    /**
     * Continues a crc32c over a part of the buffer; negative if the numbers are not those of one.
     * There is no function that takes the bytes as an argument: the glue would allocate for each
     * call, and an allocation may move the memory under the views that JavaScript holds.
     */
    crc32c(crc: number, offset: number, length: number): number;
    constructor();
    /**
     * Where the bytes are in the module's memory. Changes when they grow.
     */
    pointer(): number;
    /**
     * Grows to that capacity, keeping the content; false if that cannot be.
     */
    reserve(capacity: number): boolean;
    /**
     * Seals the first frames of the buffer, see `frame::seal`. Returns how many bytes they have;
     * negative, with nothing written, if the numbers or the frames are not possible ones.
     */
    seal(count: number, unsynced: number, salt: number, lsn: number): number;
}

/**
 * Owns the bytes and the table. Starts empty; reserve both first.
 */
export class SegmentScanner {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * How many bytes there are.
     */
    capacity(): number;
    /**
     * Looks behind the bad frame at `from` for any valid one. Returns its offset, or a negative
     * answer.
     */
    findFrame(from: number, end: number, salt: number, lsn: number): number;
    /**
     * Looks behind the bad frame at `from` for one that promises that it was synced. Returns its
     * offset, or a negative answer.
     */
    findPromise(from: number, end: number, salt: number, lsn: number): number;
    /**
     * The LSN of the frame that the last search found, -1 if none.
     */
    foundLsn(): number;
    /**
     * Whether the salt stands anywhere from `offset` to `end`: 1 or 0.
     */
    hasSalt(offset: number, end: number, salt: number): number;
    constructor();
    /**
     * Where the bytes are in the module's memory. Changes when they grow.
     */
    pointer(): number;
    /**
     * Makes the table that large; false if that cannot be.
     */
    reserveTable(frames: number): boolean;
    /**
     * Makes room for a segment, without keeping the bytes of the one before: both at once would
     * double the memory, which never shrinks again. False if that cannot be.
     */
    reserve(length: number): boolean;
    /**
     * Scans from `start` to `end`; the first frame has LSN `lsn`. Returns how many frames are in
     * the table.
     */
    scan(start: number, end: number, salt: number, lsn: number): number;
    /**
     * Why the last scan ended, as a number of `StopKind`.
     */
    stopKind(): number;
    /**
     * The LSN that a frame at the stop would have.
     */
    stopLsn(): number;
    /**
     * The offset at which the last scan ended.
     */
    stopOffset(): number;
    /**
     * Where the table is in the module's memory.
     */
    tablePointer(): number;
}

/**
 * Bytes before the body of a frame.
 */
export function headerLength(): number;

/**
 * The longest body a frame may have, in bytes.
 */
export function maxBodyLength(): number;

/**
 * The largest number of records that a frame may leave unpromised.
 */
export function maxUnsynced(): number;
